"""NumPy arrays in TensorProtos, against TensorFlow's own reading of the format where it is written down."""

import numpy as np
import pytest

from protos import tensor_pb2, types_pb2
from protos.tensors import MAX_ELEMENTS, shape_of, to_array, to_proto, type_name

DTYPES = [
    np.float32,
    np.float64,
    np.int8,
    np.int16,
    np.int32,
    np.int64,
    np.uint8,
    np.uint16,
    np.uint32,
    np.uint64,
    np.float16,
    bool,
]


@pytest.mark.parametrize("typed", [False, True])
@pytest.mark.parametrize("dtype", DTYPES)
def test_array_survives_the_way(dtype: type, typed: bool) -> None:
    array = np.array([[0, 1, 1], [1, 0, 100]]).astype(dtype)
    back = to_array(to_proto(array, typed=typed))
    assert back.dtype == array.dtype
    assert (back == array).all()


@pytest.mark.parametrize("shape", [(), (0,), (2, 0, 3), (1, 1, 1, 1)])
def test_any_shape_survives_the_way(shape: tuple[int, ...]) -> None:
    assert to_array(to_proto(np.zeros(shape, np.float32))).shape == shape


def test_strings_survive_the_way() -> None:
    array = np.array([[b"a", b""], [b"\xff\x00", b"d"]], object)
    assert (to_array(to_proto(array)) == array).all()


def tensor(dtype: int = types_pb2.DT_FLOAT, dims: tuple[int, ...] = (2, 2), **fields: object) -> tensor_pb2.TensorProto:
    proto = tensor_pb2.TensorProto(dtype=dtype, **fields)
    for size in dims:
        proto.tensor_shape.dim.add(size=size)
    return proto


def test_last_value_stands_for_the_missing_ones() -> None:
    assert to_array(tensor(float_val=[1, 2])).tolist() == [[1, 2], [2, 2]]


@pytest.mark.parametrize(
    "proto",
    [
        tensor(),
        tensor(float_val=[1] * 5),
        tensor(tensor_content=b"123"),
        tensor(tensor_content=b"1" * 17),
        tensor(types_pb2.DT_STRING, tensor_content=b"abcd"),
        tensor(types_pb2.DT_UINT8, int_val=[256]),
        tensor(types_pb2.DT_UINT8, int_val=[-1]),
        tensor(dims=(-1, 2), float_val=[1]),
        tensor(dims=(2**40, 2**40), float_val=[1]),
        tensor(dtype=0),
        tensor(dtype=9999),
    ],
)
def test_what_does_not_fit_is_refused(proto: tensor_pb2.TensorProto) -> None:
    with pytest.raises(ValueError):
        to_array(proto)


def test_element_limit_is_exact() -> None:
    assert shape_of(tensor(dims=(MAX_ELEMENTS,))) == (MAX_ELEMENTS,)
    with pytest.raises(ValueError, match="more than"):
        shape_of(tensor(dims=(MAX_ELEMENTS + 1,)))


def test_types_are_named_as_tensorflow_names_them() -> None:
    assert [type_name(number) for number in (1, 3, 4, 7)] == ["float", "int32", "uint8", "string"]
