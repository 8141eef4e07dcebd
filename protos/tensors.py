"""How do NumPy arrays travel in a TensorProto?

Written from the format's description in tensorflow/core/framework/tensor.proto: `tensor_content` holds the values in
row-major order, little-endian; the typed fields hold them one by one, and when there are fewer values than the shape
has elements, the last one is repeated. Strings are bytes, in arrays of objects, and only have a typed field.
"""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from protos import tensor_pb2, tensor_shape_pb2, types_pb2

MAX_ELEMENTS = 2**28
"""Most elements that a tensor may claim: 1 GiB of float32."""

_FIELDS: dict[int, tuple[type[np.generic], str]] = {
    types_pb2.DT_FLOAT: (np.float32, "float_val"),
    types_pb2.DT_DOUBLE: (np.float64, "double_val"),
    types_pb2.DT_INT32: (np.int32, "int_val"),
    types_pb2.DT_INT16: (np.int16, "int_val"),
    types_pb2.DT_INT8: (np.int8, "int_val"),
    types_pb2.DT_UINT8: (np.uint8, "int_val"),
    types_pb2.DT_UINT16: (np.uint16, "int_val"),
    types_pb2.DT_UINT32: (np.uint32, "uint32_val"),
    types_pb2.DT_INT64: (np.int64, "int64_val"),
    types_pb2.DT_UINT64: (np.uint64, "uint64_val"),
    types_pb2.DT_BOOL: (np.bool_, "bool_val"),
    types_pb2.DT_HALF: (np.float16, "half_val"),
    types_pb2.DT_STRING: (np.object_, "string_val"),
}
_TYPES = {np.dtype(dtype): number for number, (dtype, _) in _FIELDS.items()}


def dtype_of(number: int) -> np.dtype[Any] | None:
    """NumPy's type of a `DataType` (objects for strings), or None where there is none (complex and quantised types)."""
    return np.dtype(_FIELDS[number][0]) if number in _FIELDS else None


def number_of(dtype: np.dtype[Any]) -> int:
    """The `DataType` of a NumPy type.

    Raises:
        KeyError: It has none.
    """
    return _TYPES[dtype]


def to_proto(array: NDArray[Any], *, typed: bool = False) -> Any:
    """The array as a TensorProto.

    Args:
        array: Any shape, of a type in `number_of`.
        typed: Use the typed field, as TensorFlow Serving's answers do, instead of `tensor_content`.
    """
    shape = tensor_shape_pb2.TensorShapeProto(
        dim=[tensor_shape_pb2.TensorShapeProto.Dim(size=size) for size in array.shape]
    )
    number = number_of(array.dtype)
    proto = tensor_pb2.TensorProto(dtype=number, tensor_shape=shape)
    if typed or array.dtype.hasobject:
        values = array.view(np.uint16) if array.dtype == np.float16 else array
        getattr(proto, _FIELDS[number][1]).extend(values.ravel().tolist())
    else:
        proto.tensor_content = np.ascontiguousarray(array).tobytes()
    return proto


def to_array(proto: Any) -> NDArray[Any]:
    """The TensorProto's values; read-only where they share its memory.

    Raises:
        ValueError: It has no NumPy type, its shape is unknown or enormous, or its content doesn't fill its shape.
    """
    dtype = dtype_of(proto.dtype)
    if dtype is None:
        raise ValueError(f"tensors of type {type_name(proto.dtype)} aren't supported")
    shape = shape_of(proto)
    count = math.prod(shape)
    if proto.tensor_content and not dtype.hasobject:
        if len(proto.tensor_content) != count * dtype.itemsize:
            raise ValueError(
                f"{len(proto.tensor_content)} bytes of tensor_content don't fill the shape {list(shape)} of {dtype}"
            )
        return np.frombuffer(proto.tensor_content, dtype.newbyteorder("<")).reshape(shape)
    values = getattr(proto, _FIELDS[proto.dtype][1])
    if len(values) > count or (count and not values):
        raise ValueError(f"{len(values)} values don't fill the shape {list(shape)}")
    array = _from_field(values, dtype)
    if len(array) < count:
        array = np.concatenate([array, np.full(count - len(array), array[-1], dtype)])
    return array.reshape(shape)


def _from_field(values: Any, dtype: np.dtype[Any]) -> NDArray[Any]:
    if dtype == np.float16:
        return np.array(values, np.uint16).view(np.float16)
    array = np.array(values, np.int32 if dtype.kind in "iu" and dtype.itemsize < 4 else dtype)
    narrow = array.astype(dtype, copy=False)
    if array.dtype != dtype and (narrow != array).any():
        raise ValueError(f"a value is out of the range of {dtype}")
    return narrow


def shape_of(proto: Any) -> tuple[int, ...]:
    """The TensorProto's shape.

    Raises:
        ValueError: A dimension is unknown or negative, or the shape has more than MAX_ELEMENTS elements.
    """
    shape = tuple(dim.size for dim in proto.tensor_shape.dim)
    if proto.tensor_shape.unknown_rank or any(size < 0 for size in shape):
        raise ValueError(f"the shape {list(shape)} isn't fully known")
    if math.prod(shape) > MAX_ELEMENTS:
        raise ValueError(f"the shape {list(shape)} has more than {MAX_ELEMENTS} elements")
    return shape


def type_name(number: int) -> str:
    """TensorFlow's word for a `DataType`: `float`, `uint8`, `string`, or `DT_...` for the rare ones."""
    names: dict[int, str] = {value: name for name, value in types_pb2.DataType.items()}
    return names.get(number, f"DT_{number}").removeprefix("DT_").lower()
