"""How are TensorFlow Serving's text-format files read whose messages no package brings?

Only names, types and nesting matter in text format: the messages are made here from those, as ssl_config.proto and
monitoring_config.proto of tensorflow/serving have them.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from model.errors import ConfigError

_Field = descriptor_pb2.FieldDescriptorProto
STRING, BYTES, BOOL = _Field.TYPE_STRING, _Field.TYPE_BYTES, _Field.TYPE_BOOL

Shape = Mapping[str, "int | Shape"]
"""Field names with their types, or with the shape of the message that they hold."""


def message_class(name: str, shape: Shape) -> type[Any]:
    """A protobuf class of that shape, in a package of its own."""
    file = descriptor_pb2.FileDescriptorProto(name=f"model/{name}.proto", package="model.text", syntax="proto3")
    _describe(file.message_type.add(name=name), shape, f".model.text.{name}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    found: type[Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"model.text.{name}"))
    return found


def _describe(message: Any, shape: Shape, full_name: str) -> None:
    for number, (name, kind) in enumerate(shape.items(), start=1):
        field = message.field.add(name=name, number=number, label=_Field.LABEL_OPTIONAL)
        if isinstance(kind, Mapping):
            nested = f"{name.title().replace('_', '')}"
            field.type, field.type_name = _Field.TYPE_MESSAGE, f"{full_name}.{nested}"
            _describe(message.nested_type.add(name=nested), kind, f"{full_name}.{nested}")
        else:
            field.type = kind


def read_text(path: Path, message: Any, name: str) -> Any:
    """The message, filled from a text-format file.

    Args:
        path: The file.
        message: An empty message.
        name: What to call it in an error.

    Raises:
        ConfigError: It can't be read, or holds something else.
    """
    try:
        return text_format.Parse(path.read_text(), message)
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}") from error
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise ConfigError(f"Error parsing text-format tensorflow.serving.{name}: {path}: {error}") from error
