import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from model import json_tensors
from model.errors import LONGEST_TEXT, ServingError
from protos import classification_pb2, input_pb2, meta_graph_pb2, regression_pb2, types_pb2

ONE_FLOAT = {"x": "FLOAT"}
TWO = {"ints": "INT32", "words": "STRING"}
TYPES = {
    "FLOAT": np.float32,
    "DOUBLE": np.float64,
    "HALF": np.float16,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
}


def signature(inputs: dict[str, str]) -> Any:
    made = meta_graph_pb2.SignatureDef()
    for name, kind in inputs.items():
        made.inputs[name].dtype = types_pb2.DataType.Value(f"DT_{kind}")
    return made


def read(body: str | bytes, inputs: dict[str, str] = ONE_FLOAT) -> dict[str, NDArray[Any]]:
    document = json_tensors.parse(body.encode() if isinstance(body, str) else body)
    return json_tensors.predict_inputs(document, signature(inputs))[0]


def outcome(function: Callable[..., Any], *arguments: Any) -> Any:
    """What the function gives, or the error it raises; any other exception fails the test."""
    try:
        return function(*arguments)
    except ServingError as error:
        return error


def refused(body: str | bytes, inputs: dict[str, str] = ONE_FLOAT) -> str:
    with pytest.raises(ServingError) as caught:
        read(body, inputs)
    assert caught.value.code.name == "INVALID_ARGUMENT"
    return caught.value.text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "JSON Parse error: The document is empty"),
        (b" \n", "JSON Parse error: The document is empty. at offset: "),
        (b"instances = [1, 2]", "JSON Parse error: Invalid value. at offset: 0"),
        (b'{"a": 1} 2', "JSON Parse error: The document root must not be followed by other values. at offset: 9"),
        (b"{1: 2}", "JSON Parse error: Missing a name for object member. at offset: 1"),
        (b'{"a" 2}', "JSON Parse error: Missing a colon after a name of object member. at offset: 5"),
        (b'{"a": [1 2]}', "JSON Parse error: Missing a comma"),
        (b'{"a": 1 "b": 2}', "JSON Parse error: Missing a comma"),
        (b'{"a": 1,}', "JSON Parse error: Missing a name for object member."),
        (b'{"a": [1,]}', "JSON Parse error: Invalid value."),
        (b'{"a": 01}', "JSON Parse error: Missing a comma"),
        (b'{"a": nan}', "JSON Parse error: Invalid value. at offset: 6"),
        (b'{"a": "\\u12x4"}', "JSON Parse error: Incorrect hex digit after \\u escape in string."),
        (b'{"a": "\\q"}', "JSON Parse error: Invalid escape character in string."),
        (b'{"a": "', "JSON Parse error: Missing a closing quotation mark in string."),
        (b'{"a": "\x01"}', "JSON Parse error: Invalid encoding in string."),
        (b'{"a": "\xc3\xa9\xff"}', "JSON Parse error: Invalid encoding in string. at offset: 9"),
        (b'{"\xc3\xa9": x}', "JSON Parse error: Invalid value. at offset: 7"),
        (b'{"a": "\\ud800"}', "JSON Parse error: The surrogate pair in string is invalid. at offset: 7"),
        (b'{"a": "\\udc00\\ud800"}', "JSON Parse error: The surrogate pair in string is invalid. at offset: 7"),
        (b'{"\\ud83d\\ude00": "\\ud83d"}', "JSON Parse error: The surrogate pair in string is invalid. at offset: 18"),
        (b'{"a": {"b": 1, "b": 2}}', 'JSON Parse error: An object has the name "b" twice.'),
        (b'{"a": ' + b"[" * 100_000, "JSON Parse error: The document is nested too deeply."),
        (b'{"a": ' * 100_000, "JSON Parse error: The document is nested too deeply."),
        (b'{"a": 1' + b"0" * 10_000 + b"}", "JSON Parse error: Number too big to be stored in double."),
        (b"[1, 2]", "JSON Value: [\n    1,\n    2\n] Is not object"),
        (b"3.5", "JSON Value: 3.5 Is not object"),
        (b"null", "JSON Value: null Is not object"),
    ],
)
def test_what_is_no_json_object_is_refused(body: bytes, text: str) -> None:
    with pytest.raises(ServingError) as caught:
        json_tensors.parse(body)
    assert caught.value.code.name == "INVALID_ARGUMENT"
    assert caught.value.text.startswith(text)


@pytest.mark.parametrize(
    ("body", "document"),
    [
        (b"{}", {}),
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": "\\ud83d\\ude00 \\\\ud800 \xc3\xa9"}', {"a": "\N{GRINNING FACE} \\ud800 \u00e9"}),
        (b'{"a": [Infinity, -Infinity, -0.0, 1e-400]}', {"a": [float("inf"), float("-inf"), 0.0, 0.0]}),
    ],
)
def test_json_objects_are_read(body: bytes, document: dict[str, Any]) -> None:
    assert json_tensors.parse(body) == document


def test_signature_name_is_a_text() -> None:
    assert json_tensors.signature_name({"signature_name": "one"}) == "one"
    assert json_tensors.signature_name({}) == ""
    with pytest.raises(ServingError, match="'signature_name' key must be a string value"):
        json_tensors.signature_name({"signature_name": 5})


def test_an_error_shows_no_more_of_a_document_than_fits() -> None:
    body = json.dumps({"instances": 1, "junk": list(range(1_000_000))})
    assert len(refused(body)) == LONGEST_TEXT + len("...TRUNCATED")


@pytest.mark.parametrize(
    ("body", "inputs", "expected"),
    [
        ('{"instances": [[1,2],[3,4],[5,6]]}', {"x": "INT32"}, {"x": [[1, 2], [3, 4], [5, 6]]}),
        ('{"instances": [{"x": [1]}, {"x": [2]}]}', ONE_FLOAT, {"x": [[1], [2]]}),
        ('{"inputs": [[1,2],[3,4]]}', {"x": "INT64"}, {"x": [[1, 2], [3, 4]]}),
        ('{"inputs": {"x": [1], "unknown": [2]}}', ONE_FLOAT, {"x": [1]}),
        ('{"inputs": 1.5}', ONE_FLOAT, {"x": 1.5}),
        ('{"instances": [true, false]}', {"x": "BOOL"}, {"x": [True, False]}),
        ('{"instances": [1, 2.5, 16777215, 1e30]}', ONE_FLOAT, {"x": np.float32([1, 2.5, 16777215, 1e30])}),
        ('{"instances": [9007199254740991, 1e300]}', {"x": "DOUBLE"}, {"x": [9007199254740991, 1e300]}),
        ('{"instances": [18446744073709551616]}', ONE_FLOAT, {"x": [2.0**64]}),
        ('{"instances": [18446744073709551615]}', {"x": "UINT64"}, {"x": [2**64 - 1]}),
        ('{"instances": [NaN, Infinity, -Infinity]}', ONE_FLOAT, {"x": [np.nan, np.inf, -np.inf]}),
        ('{"instances": [[], []]}', ONE_FLOAT, {"x": np.zeros((2, 0))}),
        ('{"inputs": []}', ONE_FLOAT, {"x": np.zeros(0)}),
        ('{"inputs": [[[]]]}', {"x": "STRING"}, {"x": np.zeros((1, 1, 0), object)}),
        ('{"instances": ["a", "\u00e9"]}', {"x": "STRING"}, {"x": np.array([b"a", "\u00e9".encode()], object)}),
        (
            '{"instances": [{"b64": "aGVsbG8="}, "you"]}',
            {"x": "STRING"},
            {"x": np.array([b"hello", b"you"], object)},
        ),
        ('{"instances": [[{"b64": "/+8"}]]}', {"x": "STRING"}, {"x": np.array([[b"\xff\xef"]], object)}),
        ('{"inputs": {"b64": " aGVs\\n bG8= "}}', {"x": "STRING"}, {"x": np.array(b"hello", object)}),
        (
            '{"instances": [{"ints": [1, 2], "words": "a"}, {"words": {"b64": "Yg=="}, "ints": [3, 4]}]}',
            TWO,
            {"ints": [[1, 2], [3, 4]], "words": np.array([b"a", b"b"], object)},
        ),
        (
            '{"inputs": {"ints": [[1, 2]], "words": ["a", "b"]}}',
            TWO,
            {"ints": [[1, 2]], "words": np.array([b"a", b"b"], object)},
        ),
    ],
)
def test_values_become_arrays_of_the_signatures_types(body: str, inputs: dict[str, str], expected: Any) -> None:
    arrays = read(body, inputs)
    assert list(arrays) == sorted(inputs)
    for name, array in arrays.items():
        assert array.dtype == TYPES.get(inputs[name], {"STRING": object, "BOOL": bool}.get(inputs[name]))
        np.testing.assert_array_equal(array, expected[name])
        assert array.shape == np.shape(expected[name])


@pytest.mark.parametrize("body", ['{"instances": [1]}', '{"signature_name": "s", "instances": [1], "other": {}}'])
def test_instances_ask_for_rows(body: str) -> None:
    assert json_tensors.predict_inputs(json_tensors.parse(body.encode()), signature(ONE_FLOAT))[1] == "row"
    column = body.replace("instances", "inputs")
    assert json_tensors.predict_inputs(json_tensors.parse(column.encode()), signature(ONE_FLOAT))[1] == "column"


@pytest.mark.parametrize("kind", [name for name in TYPES if "INT" in name])
def test_integers_are_held_to_their_range(kind: str) -> None:
    limits = np.iinfo(TYPES[kind])
    array = read(json.dumps({"inputs": [int(limits.min), int(limits.max)]}), {"x": kind})["x"]
    assert array.dtype == limits.dtype
    assert array.tolist() == [limits.min, limits.max]
    for value in (int(limits.min) - 1, int(limits.max) + 1, 10**400):
        text = refused(json.dumps({"inputs": [0, value]}), {"x": kind})
        assert text.startswith(f"JSON Value: {value}"[:LONGEST_TEXT])
        assert text.endswith(f"Type: Number is not of expected type: {kind.lower()}")


@pytest.mark.parametrize(
    ("kind", "taken", "refused_value"),
    [
        ("FLOAT", "16777215", "16777216"),
        ("FLOAT", "16777217.0", "-16777217"),
        ("FLOAT", "3.4e38", "3.5e38"),
        ("FLOAT", "-3.4e38", "-1e300"),
        ("DOUBLE", "-9007199254740991", "9007199254740993"),
        ("HALF", "65504.0", "65505.0"),
        ("HALF", "2047", "2048"),
    ],
)
def test_numbers_that_would_lose_precision_are_refused(kind: str, taken: str, refused_value: str) -> None:
    assert read(f'{{"inputs": [{taken}]}}', {"x": kind})["x"] == TYPES[kind](float(taken))
    text = refused(f'{{"inputs": [1, {refused_value}]}}', {"x": kind})
    assert text.startswith("Cannot convert JSON value: ")
    assert text.endswith(f" to {kind.lower()} without loss of precision.")


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400, "1" + "0" * 400 + ".0"])
@pytest.mark.parametrize("kind", ["FLOAT", "DOUBLE", "HALF"])
def test_numbers_beyond_a_double_are_refused(number: str, kind: str) -> None:
    text = "JSON Parse error: Number too big to be stored in double."
    assert refused(f'{{"instances": [Infinity, {number}]}}', {"x": kind}) == text


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("true", "FLOAT", "JSON Value: true Type: True is not of expected type: float"),
        ("false", "INT32", "JSON Value: false Type: False is not of expected type: int32"),
        ("1.0", "INT32", "JSON Value: 1.0 Type: Number is not of expected type: int32"),
        ('"1"', "FLOAT", 'JSON Value: "1" Type: String is not of expected type: float'),
        ("null", "FLOAT", "JSON Value: null Type: Null is not of expected type: float"),
        ("1", "STRING", "JSON Value: 1 Type: Number is not of expected type: string"),
        ("1", "BOOL", "JSON Value: 1 Type: Number is not of expected type: bool"),
        ('{"b64": "YQ=="}', "FLOAT", " Type: Object is not of expected type: float"),
        ('{"b64": 5}', "STRING", " not formatted correctly for base64 data"),
        ('{"b64": "YQ==", "c": 1}', "STRING", " not formatted correctly for base64 data"),
        ('{"b64": "Y"}', "STRING", "Unable to base64 decode"),
        ('{"b64": "YQ=Q"}', "STRING", "Unable to base64 decode"),
        ('{"b64": "Y?=="}', "STRING", "Unable to base64 decode"),
        ('{"b64": "Y\u00e9=="}', "STRING", "Unable to base64 decode"),
    ],
)
def test_a_value_of_another_type_is_refused_wherever_it_is(value: str, kind: str, text: str) -> None:
    good = {"STRING": '"a"', "BOOL": "true"}.get(kind, "1")
    assert text in refused(f'{{"inputs": [{good}, {value}]}}', {"x": kind})
    row = refused(f'{{"instances": [[{good}], [{value}]]}}', {"x": kind})
    assert row.startswith("Failed to process element: 1 of 'instances' list. Error: INVALID_ARGUMENT: ")
    assert text in row
    named = refused(f'{{"instances": [{{"x": [{good}]}}, {{"x": [{value}]}}]}}', {"x": kind})
    assert named.startswith("Failed to process element: 1 key: x of 'instances' list. Error: INVALID_ARGUMENT: ")


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{}", "Missing 'inputs' or 'instances' key"),
        ('{"instances": [1], "inputs": [1]}', "Not formatted correctly expecting only one of 'inputs' or 'instances'"),
        ('{"instances": 1}', "Excepting 'instances' to be an list/array"),
        ('{"instances": {}}', "Excepting 'instances' to be an list/array"),
        ('{"instances": []}', "No values in 'instances' array"),
        ('{"instances": [[1,2],[3,4],[5,6,7]]}', "Expecting tensor size: 2 but got: 3"),
        ('{"instances": [[1,2],[3,4],[[5,6]]]}', "Expecting shape [2] but got: [1,2]"),
        ('{"instances": [1, [1]]}', "Expecting shape [] but got: [1]"),
        ('{"instances": [[], [[]]]}', "Expecting shape [0] but got: [1,0]"),
        ('{"instances": [[[1, 2], [3]]]}', "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ('{"inputs": [[1, 2], [3]]}', "Encountered list at unexpected size: 1 at level: 1 expected size: 2"),
        ('{"inputs": [1, [2]]}', "Encountered list at unexpected level: 1 expected < 1"),
        ('{"inputs": [[1], 2]}', "JSON Value: 2 found at incorrect level: 2 in the JSON DOM. Expected at level: 2"),
        ('{"instances": [{"x": 1}, [1]]}', "Expecting object but got list at item 1 of input list"),
        ('{"instances": [1, {"x": 1}]}', "Expecting value/list but got object at item 1 of input list"),
        (
            '{"instances": [{"y": 1}]}',
            "key: y of 'instances' list. Error: INVALID_ARGUMENT: JSON object: does not have",
        ),
        ('{"instances": [{}]}', "JSON object: {} keys must be equal to: x"),
        ('{"inputs": {"y": 1}}', "Missing named input: x in 'inputs' object."),
        ('{"inputs": {}}', "Missing named input: x in 'inputs' object."),
    ],
)
def test_documents_of_another_shape_are_refused(body: str, text: str) -> None:
    assert text in refused(body)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ('{"instances": [1]}', "instances is a plain list, but expecting list of objects as multiple input tensors"),
        ('{"instances": [{"b64": "YQ=="}]}', "instances is a plain list, but expecting list of objects"),
        ('{"inputs": [1]}', "inputs is a plain value/list, but expecting an object as multiple input tensors"),
        ('{"inputs": {"ints": [1]}}', "Missing named input: words in 'inputs' object."),
        ('{"instances": [{"ints": 1}]}', "keys must be equal to: ints,words"),
        ('{"instances": [{"ints": 1, "words": "a"}, {"ints": [2], "words": "b"}]}', "1 key: ints of 'instances' list."),
        ('{"instances": [{"ints": 1, "words": "a"}, {"b64": "YQ=="}]}', "Expecting object but got list at item 1"),
    ],
)
def test_several_inputs_have_to_be_named(body: str, text: str) -> None:
    assert text in refused(body, TWO)


def test_a_signature_without_inputs_takes_no_request() -> None:
    assert refused('{"inputs": 1}', {}) == "Failed to get input map for signature: DEFAULT"
    assert refused('{"inputs": 1, "signature_name": "s"}', {}) == "Failed to get input map for signature: s"


def test_types_that_no_array_has_are_not_implemented() -> None:
    with pytest.raises(ServingError, match="Conversion of JSON Value: 1 to type: complex64") as caught:
        read('{"inputs": 1}', {"x": "COMPLEX64"})
    assert caught.value.code.name == "UNIMPLEMENTED"


@pytest.mark.parametrize("depth", [63, 64, 65, 250, 400])
@pytest.mark.parametrize("key", ["inputs", "instances"])
def test_lists_have_at_most_the_depth_of_an_array(depth: int, key: str) -> None:
    body = f'{{"{key}": {"[" * depth}1{"]" * depth}}}'
    if depth <= json_tensors.MOST_DIMENSIONS:
        assert read(body)["x"].shape == (1,) * depth
    else:
        assert refused(body)


def test_time_is_linear_in_the_size_of_a_request() -> None:
    bodies = [
        '{"instances": [' + "1.5," * 200_000 + "1.5]}",
        '{"instances": [' + "1.5," * 200_000 + "true]}",
        '{"instances": [' + "[]," * 200_000 + "[1]]}",
        '{"instances": [' + '{"x": 1},' * 50_000 + "1]}",
        "{" + ",".join(f'"{n}": 1' for n in range(200_000)) + ', "7": 2}',
        '{"a": "' + "\\u00e9" * 200_000 + "\\ud800",
        '{"a": "' * 100_000,
    ]
    for body in bodies:
        begin = time.perf_counter()
        outcome(read, body)
        assert time.perf_counter() - begin < 5


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.integers(-3, 300)
    | st.floats()
    | st.text(max_size=5)
    | st.binary(max_size=3).map(lambda value: {"b64": value.hex()}),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["x", "ints", "words", "b64"]), inner, max_size=3)
    ),
    max_leaves=12,
)
requests = st.dictionaries(
    st.sampled_from(["instances", "inputs", "signature_name", "examples", "context"]), json_values, max_size=3
)


@settings(deadline=None, max_examples=300)
@given(requests, st.sampled_from([*TYPES, "BOOL", "STRING", "COMPLEX64"]))
def test_any_document_gives_arrays_or_an_error(document: dict[str, Any], kind: str) -> None:
    for inputs in ({"x": kind}, {"x": kind, "ints": "INT32"}):
        arrays = outcome(read, json.dumps(document), inputs)
        if isinstance(arrays, ServingError):
            assert "The values don't fit" not in arrays.text
        else:
            assert arrays.keys() == inputs.keys()


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=40) | st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")))
def test_any_bytes_give_a_document_or_an_error(body: bytes) -> None:
    assert isinstance(outcome(json_tensors.parse, body), dict | ServingError)


def answered(outputs: dict[str, NDArray[Any]], form: json_tensors.Form) -> Any:
    return json.loads(json_tensors.predict_response(outputs, form))


INTS = np.arange(12, dtype=np.int32).reshape(2, 3, 2)


def test_one_output_has_no_name() -> None:
    assert answered({"y": INTS}, "row") == {"predictions": INTS.tolist()}
    assert answered({"y": INTS}, "column") == {"outputs": INTS.tolist()}
    assert answered({"y": np.float32(2.5) * np.ones((), np.float32)}, "column") == {"outputs": 2.5}


def test_several_outputs_are_objects_by_name() -> None:
    outputs = {
        "a": INTS,
        "b": np.array([True, False]),
        "c": np.array([[b"x"], ["\u00e9".encode()]], object),
        "c_bytes": np.array([b"hello", b"\xff"], object),
    }
    assert answered(outputs, "row") == {
        "predictions": [
            {"a": INTS[0].tolist(), "b": True, "c": ["x"], "c_bytes": {"b64": "aGVsbG8="}},
            {"a": INTS[1].tolist(), "b": False, "c": ["\u00e9"], "c_bytes": {"b64": "/w=="}},
        ]
    }
    assert answered(outputs, "column") == {
        "outputs": {
            "a": INTS.tolist(),
            "b": [True, False],
            "c": [["x"], ["\u00e9"]],
            "c_bytes": [{"b64": "aGVsbG8="}, {"b64": "/w=="}],
        }
    }


def test_bytes_that_are_no_text_go_out_as_they_are() -> None:
    assert b"\xff" in json_tensors.predict_response({"y": np.array([b"\xff"], object)}, "row")


@pytest.mark.parametrize("dtype", [np.float32, object])
def test_an_empty_batch_gives_no_predictions(dtype: Any) -> None:
    assert answered({"y": np.zeros((0, 2), dtype)}, "row") == {"predictions": []}
    assert answered({"y": np.zeros((0, 2), dtype), "z": np.zeros(0, bool)}, "row") == {"predictions": []}


@pytest.mark.parametrize(
    ("outputs", "text"),
    [
        ({}, "Cannot convert empty tensor map to JSON"),
        ({"y": np.zeros(())}, "Tensor name: y has no shape information "),
        ({"y": np.zeros(2), "z": np.zeros(1)}, "Tensor name: z has inconsistent batch size: 1 expecting: 2"),
        ({"y": np.zeros(0), "z": np.zeros(1)}, "Tensor name: z has inconsistent batch size: 1 expecting: 0"),
        ({"y": np.zeros(2, np.complex64)}, "Failed to write JSON value for tensor type: complex64"),
    ],
)
def test_outputs_that_are_no_rows_are_refused(outputs: dict[str, NDArray[Any]], text: str) -> None:
    with pytest.raises(ServingError) as caught:
        json_tensors.predict_response(outputs, "row")
    assert caught.value.text == text


def test_numbers_are_as_short_as_tensorflow_servings() -> None:
    values = np.array([9000000, 999999, 0.5, 0.0003, 0.00003, 555557.5, 0.2, 2 / 3, 0, -1.5], np.float32)
    written = json_tensors.predict_response({"y": values}, "row")
    assert written == (
        b'{"predictions": [9000000.0, 999999.0, 0.5, 0.0003, 3e-05, 555557.5, 0.2, 0.666666687, 0.0, -1.5]}'
    )


def test_numbers_that_are_not_finite_have_names() -> None:
    values = np.array([np.nan, np.inf, 3, -np.inf], np.float32)
    assert json_tensors.predict_response({"y": values}, "column") == b'{"outputs": [NaN, Infinity, 3.0, -Infinity]}'


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**32 - 1), min_size=1), st.sampled_from([np.float16, np.float32, np.float64]))
def test_every_number_reads_back_to_itself(bits: list[int], dtype: Any) -> None:
    values = np.array(bits, np.uint32).view(np.float16 if dtype == np.float16 else np.float32).astype(dtype)
    back = np.array(answered({"y": values}, "column")["outputs"], np.float64).astype(dtype)
    np.testing.assert_array_equal(back, values)
    known = ~np.isnan(values)
    np.testing.assert_array_equal(np.signbit(back[known]), np.signbit(values[known]))


def examples(body: str) -> Any:
    return json_tensors.examples(json_tensors.parse(body.encode()))


def test_examples_become_features() -> None:
    given_input = examples(
        '{"examples": [{"names": ["a", {"b64": "aGVsbG8="}], "r": [8.0, NaN], "age": 20}, {"e": []}]}'
    )
    first, second = given_input.example_list.examples
    assert list(first.features.feature["names"].bytes_list.value) == [b"a", b"hello"]
    np.testing.assert_array_equal(first.features.feature["r"].float_list.value, [8, np.nan])
    assert list(first.features.feature["age"].int64_list.value) == [20]
    assert second.features.feature["e"].WhichOneof("kind") is None


def test_a_context_goes_with_all_examples() -> None:
    given_input = examples('{"context": {"q": "pizza"}, "examples": [{"mix": [1, true, false]}, {"r": -Infinity}]}')
    assert given_input.WhichOneof("kind") == "example_list_with_context"
    with_context = given_input.example_list_with_context
    assert list(with_context.context.features.feature["q"].bytes_list.value) == [b"pizza"]
    assert list(with_context.examples[0].features.feature["mix"].int64_list.value) == [1, 1, 0]
    assert list(with_context.examples[1].features.feature["r"].float_list.value) == [-np.inf]


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("{}", "When method is classify, key 'examples' is expected and was not found"),
        ('{"context": [{}]}', "Example must be JSON object but got JSON Array"),
        ('{"examples": {"a": 1}}', "Expecting 'examples' value to be an list/array"),
        ('{"examples": []}', "'examples' value is an empty array"),
        ('{"examples": [[{"a": 1}]]}', "Example must be JSON object but got JSON Array"),
        ('{"examples": [true]}', "Example must be JSON object but got JSON True"),
        ('{"examples": [{"a": [10, null]}]}', "Feature: a has element with unexpected JSON type: Null"),
        ('{"examples": [{"a": [10, 10.0]}]}', "Unexpected element type in feature: a expecting type: int64"),
        ('{"examples": [{"a": [1.5, 1]}]}', "Unexpected element type in feature: a expecting type: float"),
        ('{"examples": [{"a": ["b", true]}]}', "Unexpected element type in feature: a expecting type: bytes"),
        ('{"examples": [{"a": [10, {"test": 10}]}]}', "Feature: a has element with unexpected JSON type: Object"),
        ('{"examples": [{"a": [[10], 20]}]}', "Feature: a has element with unexpected JSON type: Array"),
        ('{"examples": [{"a": [18446744073709551603]}]}', "Feature: a has uint64 element. Only int64 is supported."),
        ('{"examples": [{"a": 1e300}]}', "Cannot convert JSON value: 1e+300 to float without loss of precision."),
        ('{"examples": [{"a": 1e999}]}', "JSON Parse error: Number too big to be stored in double."),
        ('{"examples": [{"a": {"b64": "Y"}}]}', "Unable to base64 decode"),
    ],
)
def test_what_is_no_example_is_refused(body: str, text: str) -> None:
    with pytest.raises(ServingError) as caught:
        examples(body)
    assert caught.value.code.name == "INVALID_ARGUMENT"
    assert text in caught.value.text


@settings(deadline=None, max_examples=300)
@given(requests)
def test_any_document_gives_examples_or_an_error(document: dict[str, Any]) -> None:
    assert isinstance(outcome(examples, json.dumps(document)), input_pb2.Input | ServingError)


def test_classifications_are_lists_of_labels_and_scores() -> None:
    result = classification_pb2.ClassificationResult()
    for scores in ([0.2, 0.7], [float("nan")], []):
        classes = result.classifications.add().classes
        for label, score in zip("ab", scores, strict=False):
            classes.add(label=label, score=score)
    written = json_tensors.classify_response(result)
    assert written == b'{"results": [[["a", 0.2], ["b", 0.7]], [["a", NaN]], []]}'


def test_regressions_are_numbers() -> None:
    result = regression_pb2.RegressionResult()
    for value in (0.2, float("inf"), 1.0):
        result.regressions.add(value=value)
    assert json_tensors.regress_response(result) == b'{"results": [0.2, Infinity, 1.0]}'


def test_results_without_anything_are_refused() -> None:
    with pytest.raises(ServingError, match="Cannot convert empty ClassificationResults to JSON"):
        json_tensors.classify_response(classification_pb2.ClassificationResult())
    with pytest.raises(ServingError, match="Cannot convert empty RegressionResults to JSON"):
        json_tensors.regress_response(regression_pb2.RegressionResult())
