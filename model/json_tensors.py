"""How do tensors and examples travel in JSON? As TensorFlow Serving has it, texts included (util/json_tensor.cc).

A request's values are checked a whole list at a time; only when something doesn't fit are they walked one by one, in
TensorFlow Serving's order, for the text that says what.
"""

import base64
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal

import grpc
import numpy as np
from numpy.typing import NDArray

from model.errors import LONGEST_TEXT, ServingError, invalid
from protos import example_pb2, input_pb2, types_pb2
from protos.tensors import dtype_of, number_of, type_name

Form = Literal["row", "column"]
"""`instances` in and `predictions` out, or `inputs` in and `outputs` out."""

MOST_DIMENSIONS = 64
"""NumPy's limit; TensorFlow's is 254."""

_BYTES_SUFFIX = "_bytes"
_FLOAT = np.dtype(np.float32)
_TOO_BIG = "JSON Parse error: Number too big to be stored in double."
_WORDS: dict[type, str] = {dict: "Object", list: "Array", str: "String", type(None): "Null"}
_PARSE_ERRORS = {
    "Expecting value": "Invalid value.",
    "Extra data": "The document root must not be followed by other values.",
    "Expecting property name": "Missing a name for object member.",
    "Illegal trailing comma before end of object": "Missing a name for object member.",
    "Illegal trailing comma before end of array": "Invalid value.",
    "Expecting ':' delimiter": "Missing a colon after a name of object member.",
    "Expecting ',' delimiter": "Missing a comma or } or ] after an element.",
    "Invalid \\uXXXX escape": "Incorrect hex digit after \\u escape in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid control character": "Invalid encoding in string.",
    "Unterminated string": "Missing a closing quotation mark in string.",
}
_ESCAPES = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F])|.)", re.DOTALL)
_PRINTER = json.JSONEncoder(indent=4, ensure_ascii=False)


class _Infinity(float):
    """An infinity that the document spells out; a number too big for a double is a plain float."""


class _UnfitError(Exception):
    """Some value doesn't fit; which one, and why, is for the walk to say."""


def parse(body: bytes) -> dict[str, Any]:
    """The JSON object in a request's body. NaN, Infinity and -Infinity are numbers.

    Raises:
        ServingError: It's no UTF-8, no JSON, no object, says a name twice in one object, or is nested too deeply.
    """
    if not body:
        raise invalid("JSON Parse error: The document is empty")
    text = _text(body)
    try:
        document = json.loads(text, object_pairs_hook=_members, parse_constant=_constant)
    except json.JSONDecodeError as error:
        raise _parse_error(text, error) from error
    except RecursionError as error:
        raise invalid("JSON Parse error: The document is nested too deeply.") from error
    except ValueError as error:  # Python's limit to an integer's digits, far above a double's range
        raise invalid(_TOO_BIG) from error
    if type(document) is not dict:
        raise _unformatted(document, "Is not object")
    return document


def _text(body: bytes) -> str:
    try:
        text = body.removeprefix(b"\xef\xbb\xbf").decode()
    except UnicodeDecodeError as error:
        raise invalid(f"JSON Parse error: Invalid encoding in string. at offset: {error.start}") from error
    if "\\u" in text:
        for escape in _ESCAPES.finditer(text):
            if escape[1]:
                offset = _offset(text, escape.start())
                raise invalid(f"JSON Parse error: The surrogate pair in string is invalid. at offset: {offset}")
    return text


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        ((twice, _),) = Counter(name for name, _ in pairs).most_common(1)
        raise invalid(f"JSON Parse error: An object has the name {json.dumps(twice)} twice.")
    return members


def _constant(word: str) -> float:
    return math.nan if word == "NaN" else _Infinity(word)


def _parse_error(text: str, error: json.JSONDecodeError) -> ServingError:
    if not text.strip(" \t\r\n"):
        reason = "The document is empty."
    else:
        known = [reason for start, reason in _PARSE_ERRORS.items() if error.msg.startswith(start)]
        reason = known[0] if known else f"{error.msg}."
    return invalid(f"JSON Parse error: {reason} at offset: {_offset(text, error.pos)}")


def _offset(text: str, place: int) -> int:
    return len(text[:place].encode())


def _show(value: Any) -> str:
    """The value as JSON, as far as an error's text has room for it."""
    parts: list[str] = []
    length = 0
    for part in _PRINTER.iterencode(value):
        parts.append(part)
        length += len(part)
        if length > LONGEST_TEXT:
            break
    return "".join(parts)


def _unformatted(value: Any, what: str) -> ServingError:
    return invalid(f"JSON Value: {_show(value)} {what}")


def signature_name(document: Mapping[str, Any]) -> str:
    """The signature that a request names, or an empty text.

    Raises:
        ServingError: It isn't a text.
    """
    name = document.get("signature_name", "")
    if type(name) is not str:
        raise _unformatted(document, "not formatted correctly. 'signature_name' key must be a string value.")
    return name


def predict_inputs(document: Mapping[str, Any], signature: Any) -> tuple[dict[str, NDArray[Any]], Form]:
    """The tensors of a predict request.

    Args:
        document: What `parse` gave.
        signature: The SignatureDef that the request names.

    Returns:
        One array for each input of the signature, of its type (objects that are bytes for strings), with the shapes
        that the document gives them; and the form that the answer has to have.

    Raises:
        ServingError: The document isn't a predict request for this signature.
    """
    infos = dict(sorted(signature.inputs.items()))
    if not infos:
        named = signature_name(document) or "DEFAULT"
        raise invalid(f"Failed to get input map for signature: {named}")
    if "instances" in document:
        return _from_rows(_instances(document), infos), "row"
    if "inputs" in document:
        return _from_columns(document["inputs"], infos), "column"
    raise invalid("Missing 'inputs' or 'instances' key")


def _instances(document: Mapping[str, Any]) -> list[Any]:
    if "inputs" in document:
        what = "Not formatted correctly expecting only one of 'inputs' or 'instances' keys to exist "
        raise _unformatted(document, what)
    instances = document["instances"]
    if type(instances) is not list:
        raise _unformatted(document, "Excepting 'instances' to be an list/array")
    if not instances:
        raise _unformatted(document, "No values in 'instances' array")
    return instances


def _from_rows(rows: list[Any], infos: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    if not _is_named(rows[0]) and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    try:
        if not _is_named(rows[0]):
            (name,) = infos
            if any(map(_is_named, rows)):
                raise _UnfitError
            return {name: _array(rows, infos[name].dtype)}
        if not all(_is_named(row) and row.keys() == infos.keys() for row in rows):
            raise _UnfitError
        return {name: _array([row[name] for row in rows], infos[name].dtype) for name in infos}
    except _UnfitError:
        raise _rows_fault(rows, infos) from None


def _from_columns(inputs: Any, infos: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    if not _is_named(inputs):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        inputs = dict.fromkeys(infos, inputs)
    arrays = {}
    for name, info in infos.items():
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
        try:
            arrays[name] = _array(inputs[name], info.dtype)
        except _UnfitError:
            raise _fault(inputs[name], 0, _shape(inputs[name]), info.dtype) or _unfit() from None
    return arrays


def _is_named(value: Any) -> bool:
    """Whether it's an object of names and values, and not one that wraps bytes."""
    return type(value) is dict and not _is_base64(value)


def _is_base64(value: Mapping[str, Any]) -> bool:
    return len(value) == 1 and type(value.get("b64")) is str


def _array(value: Any, number: int) -> NDArray[Any]:
    """A value, or lists of lists of values, as an array of a `DataType`.

    Raises:
        _UnfitError: The lists are ragged, or a value isn't of the type.
    """
    flat: list[Any] = [value]
    shape: list[int] = []
    while flat and type(flat[0]) is list:
        size = len(flat[0])
        if set(map(type, flat)) != {list} or set(map(len, flat)) != {size} or len(shape) == MOST_DIMENSIONS:
            raise _UnfitError
        flat = list(chain.from_iterable(flat))
        shape.append(size)
    return _values(flat, set(map(type, flat)), number).reshape(shape)


def _values(flat: Sequence[Any], kinds: set[type], number: int) -> NDArray[Any]:
    dtype = dtype_of(number)
    if dtype is None:
        raise _UnfitError
    if dtype.hasobject and kinds <= {str, dict}:
        return _bytes_of(flat)
    if dtype.kind == "b" and kinds <= {bool}:
        return np.array(flat, dtype)
    if dtype.kind in "iu" and kinds <= {int}:
        try:
            return np.array(flat, dtype)
        except OverflowError:
            raise _UnfitError from None
    if dtype.kind == "f" and kinds <= {int, float, _Infinity}:
        return _floats(flat, dtype)
    raise _UnfitError


def _bytes_of(flat: Sequence[Any]) -> NDArray[Any]:
    values = np.empty(len(flat), np.object_)
    for place, value in enumerate(flat):
        try:
            values[place] = value.encode() if type(value) is str else _unwrapped(value)
        except ServingError:
            raise _UnfitError from None
    return values


def _unwrapped(value: Mapping[str, str]) -> bytes:
    """The bytes in a {"b64": ...}; white space is skipped, and the padding may be left away."""
    if not _is_base64(value):
        raise _unformatted(value, "not formatted correctly for base64 data")
    digits = "".join(value["b64"].split())
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4 if "=" not in digits else 0), validate=True)
    except ValueError as error:
        raise invalid("Unable to base64 decode") from error


def _floats(flat: Sequence[Any], dtype: np.dtype[Any]) -> NDArray[Any]:
    try:
        wide = np.array(flat, np.float64)
    except OverflowError:
        raise _UnfitError from None
    doubtful = np.flatnonzero(np.abs(wide) > _largest_integer(dtype))
    if any(_lossy(flat[place], dtype) for place in doubtful.tolist()):
        raise _UnfitError
    return wide.astype(dtype)


def _largest_integer(dtype: np.dtype[Any]) -> int:
    """Up to here every integer has its own value of the type, and TensorFlow Serving takes it."""
    return int(2 ** (np.finfo(dtype).nmant + 1)) - 1


def _rows_fault(rows: Sequence[Any], infos: Mapping[str, Any]) -> ServingError:
    named = _is_named(rows[0])
    first: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        if _is_named(row) != named:
            return invalid(_mixed(named, place))
        for name, item in row.items() if named else [(next(iter(infos)), row)]:
            if fault := _item_fault(item, name, infos, first):
                key = f" key: {name}" if named else ""
                reason = f"{fault.code.name}: {fault.text}"
                return invalid(f"Failed to process element: {place}{key} of 'instances' list. Error: {reason}")
        if named and row.keys() != infos.keys():
            return invalid(
                f"Failed to process element: {place} of 'instances' list. JSON object: {_show(row)} keys must be "
                f"equal to: {','.join(infos)}"
            )
    return _unfit()


def _mixed(named: bool, place: int) -> str:
    expected, got = ("object", "list") if named else ("value/list", "object")
    return f"Expecting {expected} but got {got} at item {place} of input list"


def _item_fault(item: Any, name: str, infos: Mapping[str, Any], first: dict[str, list[int]]) -> ServingError | None:
    if name not in infos:
        return invalid(f"JSON object: does not have named input: {name}")
    shape = _shape(item)
    if fault := _fault(item, 0, shape, infos[name].dtype):
        return fault
    wanted = first.setdefault(name, shape)
    if math.prod(wanted) != math.prod(shape):
        return invalid(f"Expecting tensor size: {math.prod(wanted)} but got: {math.prod(shape)}")
    if wanted != shape:
        return invalid(f"Expecting shape [{_commas(wanted)}] but got: [{_commas(shape)}]")
    return None


def _commas(shape: Sequence[int]) -> str:
    return ",".join(map(str, shape))


def _shape(value: Any) -> list[int]:
    """The shape that the first elements give."""
    shape: list[int] = []
    while type(value) is list:
        shape.append(len(value))
        value = value[0] if value else None
    return shape


def _fault(value: Any, level: int, shape: Sequence[int], number: int) -> ServingError | None:
    rank = len(shape)
    if rank > MOST_DIMENSIONS:
        return invalid(f"Shape must have at most {MOST_DIMENSIONS} dimensions, not {rank}")
    if type(value) is not list:
        if level != rank:
            return _unformatted(
                value, f"found at incorrect level: {level + 1} in the JSON DOM. Expected at level: {rank}"
            )
        return _value_fault(value, number)
    if level >= rank:
        return invalid(f"Encountered list at unexpected level: {level} expected < {rank}")
    if len(value) != shape[level]:
        return invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        if fault := _fault(item, level + 1, shape, number):
            return fault
    return None


def _value_fault(value: Any, number: int) -> ServingError | None:
    dtype = dtype_of(number)
    if type(value) is dict:
        wrong = _base64_fault(value) if number == types_pb2.DT_STRING else _type_fault(value, number)
    elif dtype is None:
        text = f"Conversion of JSON Value: {_show(value)} to type: {type_name(number)}"
        wrong = ServingError(grpc.StatusCode.UNIMPLEMENTED, text)
    elif dtype.kind == "f" and type(value) in (int, float, _Infinity):
        wrong = _lossy(value, dtype)
    else:
        wrong = None if _fits(value, dtype) else _type_fault(value, number)
    return wrong


def _fits(value: Any, dtype: np.dtype[Any]) -> bool:
    if dtype.kind in "iu":
        return type(value) is int and np.iinfo(dtype).min <= value <= np.iinfo(dtype).max
    return type(value) is {"O": str, "b": bool}.get(dtype.kind)


def _base64_fault(value: Mapping[str, Any]) -> ServingError | None:
    try:
        _unwrapped(value)
    except ServingError as error:
        return error
    return None


def _type_fault(value: Any, number: int) -> ServingError:
    return _unformatted(value, f"Type: {_word(value)} is not of expected type: {type_name(number)}")


def _word(value: Any) -> str:
    return str(value) if type(value) is bool else _WORDS.get(type(value), "Number")


def _lossy(value: float, dtype: np.dtype[Any]) -> ServingError | None:
    if _too_big(value):
        raise invalid(_TOO_BIG)
    if type(value) is int and -(2**63) <= value < 2**64:
        lossless = abs(value) <= _largest_integer(dtype)
    else:  # rapidjson reads longer integers as doubles
        lossless = not abs(value) > float(np.finfo(dtype).max) or type(value) is _Infinity
    if lossless:
        return None
    return invalid(
        f"Cannot convert JSON value: {_show(value)} to {type_name(number_of(dtype))} without loss of precision."
    )


def _too_big(value: float) -> bool:
    try:
        return type(value) is not _Infinity and math.isinf(value)
    except OverflowError:  # an integer
        return True


def _unfit() -> ServingError:
    return invalid("The values don't fit the signature's inputs.")


def predict_response(outputs: Mapping[str, NDArray[Any]], form: Form) -> bytes:
    """The answer to a predict request, as JSON.

    Args:
        outputs: Arrays by name; strings are arrays of bytes.
        form: What `predict_inputs` gave.

    Raises:
        ServingError: There is no output, or in the row form they aren't batches of one size.
    """
    if not outputs:
        raise invalid("Cannot convert empty tensor map to JSON")
    if form == "row":
        _check_batches(outputs)
    values = {name: _plain(name, array) for name, array in outputs.items()}
    if len(values) == 1:
        (content,) = values.values()
    elif form == "row":
        content = [dict(zip(values, row, strict=True)) for row in zip(*values.values(), strict=True)]
    else:
        content = values
    return _written({"predictions" if form == "row" else "outputs": content})


def _check_batches(outputs: Mapping[str, NDArray[Any]]) -> None:
    expected: int | None = None
    for name, array in outputs.items():
        if not array.ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        if expected not in (None, len(array)):
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {len(array)} expecting: {expected}")
        expected = len(array)


def _plain(name: str, array: NDArray[Any]) -> Any:
    """The array as lists of what JSON has."""
    if array.dtype.hasobject:
        words = np.empty(array.shape, np.object_)
        words.flat[:] = [_word_of(value, name.endswith(_BYTES_SUFFIX)) for value in array.flat]
        return words.tolist()
    if array.dtype.kind not in "biuf":
        raise invalid(f"Failed to write JSON value for tensor type: {array.dtype}")
    return (_short(array) if array.dtype.kind == "f" else array).tolist()


def _word_of(value: bytes, wrapped: bool) -> str | dict[str, str]:
    return {"b64": base64.b64encode(value).decode()} if wrapped else value.decode("utf-8", "surrogateescape")


def _short(array: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Doubles that are written in 6 digits where those read back to the same value, else in 9, else in all."""
    exact = array.astype(np.float64)
    if array.dtype == np.float64:
        return exact
    short = exact
    with np.errstate(all="ignore"):
        exponent = np.floor(np.log10(np.abs(exact)))
        for digits in (9, 6):
            scale = 10.0 ** (digits - 1 - exponent)
            rounded = np.rint(exact * scale) / scale
            short = np.where(rounded.astype(array.dtype) == array, rounded, short)
    return short


def _written(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, ensure_ascii=False).encode("utf-8", "surrogateescape")


def examples(document: Mapping[str, Any]) -> Any:
    """The Input of a classify or regress request: its examples, with their context if it has one.

    Raises:
        ServingError: The document isn't such a request.
    """
    given = input_pb2.Input()
    filled = given.example_list
    if "context" in document:
        filled = given.example_list_with_context
        filled.context.CopyFrom(_example(document["context"]))
    if "examples" not in document:
        raise _unformatted(document, "When method is classify, key 'examples' is expected and was not found")
    listed = document["examples"]
    if type(listed) is not list:
        raise _unformatted(document, "Expecting 'examples' value to be an list/array")
    if not listed:
        raise _unformatted(document, "'examples' value is an empty array")
    filled.examples.extend(map(_example, listed))
    return given


def _example(value: Any) -> Any:
    if type(value) is not dict:
        raise invalid(f"Example must be JSON object but got JSON {_word(value)}")
    example = example_pb2.Example()
    for name, content in value.items():
        _fill(example.features.feature[name], name, content if type(content) is list else [content])
    return example


def _fill(feature: Any, name: str, values: Sequence[Any]) -> None:
    kind = None
    converted = []
    for value in values:
        this, plain = _feature_value(value, name)
        kind = kind or this
        if this != kind:
            raise invalid(f"Unexpected element type in feature: {name} expecting type: {kind}")
        converted.append(plain)
    if kind:
        getattr(feature, f"{kind}_list").value.extend(converted)


def _feature_value(value: Any, name: str) -> tuple[str, Any]:
    """What a value is to an Example: `bytes`, `float` or `int64`; and what goes there."""
    if type(value) is str:
        return "bytes", value.encode()
    if type(value) is dict and _is_base64(value):
        return "bytes", _unwrapped(value)
    if type(value) is bool or (type(value) is int and -(2**63) <= value < 2**63):
        return "int64", int(value)
    if type(value) is int and 0 < value < 2**64:
        raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
    if isinstance(value, int | float):
        if wrong := _lossy(value, _FLOAT):
            raise wrong
        return "float", float(value)
    raise invalid(f"Feature: {name} has element with unexpected JSON type: {_word(value)}")


def classify_response(classified: Any) -> bytes:
    """A ClassificationResult as JSON: for each example a list of [label, score].

    Raises:
        ServingError: It's empty.
    """
    if not classified.classifications:
        raise invalid("Cannot convert empty ClassificationResults to JSON")
    scores = _scores(chosen.score for one in classified.classifications for chosen in one.classes)
    return _written(
        {"results": [[[chosen.label, next(scores)] for chosen in one.classes] for one in classified.classifications]}
    )


def regress_response(regressed: Any) -> bytes:
    """A RegressionResult as JSON: a number for each example.

    Raises:
        ServingError: It's empty.
    """
    if not regressed.regressions:
        raise invalid("Cannot convert empty RegressionResults to JSON")
    return _written({"results": list(_scores(one.value for one in regressed.regressions))})


def _scores(values: Iterator[float]) -> Iterator[float]:
    return iter(_short(np.fromiter(values, np.float32)).tolist())
