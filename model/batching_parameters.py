"""How shall calls be joined? As a text-format `tensorflow.serving.BatchingParameters` says it.

Fields and defaults are those of tensorflow/serving's servables/tensorflow/session_bundle_config.proto and
bundle_factory_util.h, and of TensorFlow's core/kernels/batching_util/shared_batch_scheduler.h; so are the texts.
"""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, wrappers_pb2

from model.cores import usable_cores
from model.errors import ConfigError
from model.text_protos import read_text

_Field = descriptor_pb2.FieldDescriptorProto
_NAME = "BatchingParameters"
_WRAPPED = {
    "max_batch_size": "Int64Value",
    "batch_timeout_micros": "Int64Value",
    "max_enqueued_batches": "Int64Value",
    "num_batch_threads": "Int64Value",
    "thread_pool_name": "StringValue",
    "enable_large_batch_splitting": "BoolValue",
    "max_execution_batch_size": "Int64Value",
}


@dataclass(frozen=True)
class Parameters:
    """What a BatchingParameters file can say; the defaults are an empty file's.

    Raises:
        ConfigError: A value is impossible.
    """

    max_batch_size: int = 1000
    """Rows of the largest call; and of the largest batch, unless `max_execution_batch_size` says less."""
    batch_timeout_micros: int = 0
    """How long a batch that isn't full waits for more, in microseconds."""
    num_batch_threads: int = field(default_factory=usable_cores)
    """Batches computed side by side."""
    max_enqueued_batches: int = 10
    """Batches of a signature that wait, the open one included."""
    thread_pool_name: str = "batch_threads"
    """How the threads' names begin."""
    allowed_batch_sizes: tuple[int, ...] = ()
    """Sizes that batches are filled up to; none: they're computed as they are."""
    pad_variable_length_inputs: bool = False
    """Whether tensors of different shapes are made alike instead of refused."""
    enable_large_batch_splitting: bool = False
    """Whether a call may be spread over several batches."""
    max_execution_batch_size: int | None = None
    """Rows of the largest batch, where calls are split; None: `max_batch_size`."""

    def __post_init__(self) -> None:
        _at_least(1, max_batch_size=self.max_batch_size, num_batch_threads=self.num_batch_threads)
        _at_least(0, batch_timeout_micros=self.batch_timeout_micros, max_enqueued_batches=self.max_enqueued_batches)
        _check_sizes(self.allowed_batch_sizes, self.max_batch_size)
        if self.enable_large_batch_splitting:
            _at_least(1, max_enqueued_batches=self.max_enqueued_batches, max_execution_batch_size=self.largest_batch)
            if self.max_batch_size < self.largest_batch:
                raise ConfigError(
                    "When enable_large_batch_splitting is true, input_batch_size_limit must be greater than or equal "
                    "to max_execution_batch_size."
                )

    @property
    def largest_batch(self) -> int:
        """Rows that are computed at once, at most."""
        if self.enable_large_batch_splitting and self.max_execution_batch_size is not None:
            return self.max_execution_batch_size
        return self.max_batch_size

    @property
    def most_batches(self) -> int:
        """Batches of a signature that wait: a file's 0 means 1 (shared_batch_scheduler.h, AddQueue)."""
        return max(1, self.max_enqueued_batches)

    def rounded(self, rows: int) -> int:
        """The smallest allowed size that the rows fit in."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)


def read_parameters(path: Path) -> Parameters:
    """The parameters in a text-format file.

    Raises:
        ConfigError: It can't be read, holds something else, or a value is impossible.
    """
    message = read_text(path, _message_class()(), _NAME)
    values = {name: getattr(message, name).value for name in _WRAPPED if message.HasField(name)}
    try:
        return Parameters(
            allowed_batch_sizes=tuple(message.allowed_batch_sizes),
            pad_variable_length_inputs=message.pad_variable_length_inputs,
            **values,
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def _at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if value < least:
            raise ConfigError(f"{name} must be {'positive' if least else 'non-negative'}; was {value}")


def _check_sizes(sizes: tuple[int, ...], largest: int) -> None:
    if not sizes:
        return
    if sizes[-1] != largest:
        raise ConfigError(
            "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
            f"{sizes[-1]}; expected {largest}"
        )
    if list(sizes) != sorted(set(sizes)):
        raise ConfigError("allowed_batch_sizes entries must be monotonically increasing")
    if sizes[0] < 1:
        raise ConfigError(f"allowed_batch_sizes entries must be positive; was {sizes[0]}")


def _message_class() -> type[Any]:
    """No package brings the message; its numbers matter to nobody in text format."""
    file = descriptor_pb2.FileDescriptorProto(name="model/batching.proto", package="model.batching", syntax="proto3")
    wrappers = descriptor_pb2.FileDescriptorProto()
    wrappers_pb2.DESCRIPTOR.CopyToProto(wrappers)
    file.dependency.append(wrappers.name)
    message = file.message_type.add(name=_NAME)
    for number, known in enumerate(fields(Parameters), start=1):
        added = message.field.add(name=known.name, number=number, label=_Field.LABEL_OPTIONAL)
        if wrapper := _WRAPPED.get(known.name):
            added.type, added.type_name = _Field.TYPE_MESSAGE, f".google.protobuf.{wrapper}"
        elif known.name == "allowed_batch_sizes":
            added.type, added.label = _Field.TYPE_INT64, _Field.LABEL_REPEATED
        else:
            added.type = _Field.TYPE_BOOL
    pool = descriptor_pool.DescriptorPool()
    pool.Add(wrappers)
    pool.Add(file)
    made: type[Any] = message_factory.GetMessageClass(pool.FindMessageTypeByName(f"model.batching.{_NAME}"))
    return made
