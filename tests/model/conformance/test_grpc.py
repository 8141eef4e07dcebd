"""One table of gRPC calls, whoever answers them."""

from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
import pytest

from protos import (
    classification_pb2,
    example_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    input_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)
from protos.tensors import to_array, to_proto
from tests.model.calls import choose
from tests.model.conformance.conftest import Target

Code = grpc.StatusCode
FLOAT = np.float32


def stub(target: Target) -> Any:
    return prediction_service_pb2_grpc.PredictionServiceStub(target.channel)


def spec_of(message: Any, model: str, signature: str, **choice: Any) -> Any:
    message.model_spec.name, message.model_spec.signature_name = model, signature
    choose(message.model_spec, **choice)
    return message


def predict(
    model: str, signature: str = "", outputs: tuple[str, ...] = (), version: int | None = None, **inputs: Any
) -> Any:
    request = spec_of(predict_pb2.PredictRequest(output_filter=outputs), model, signature, version=version)
    for name, array in inputs.items():
        request.inputs[name].CopyFrom(to_proto(np.asarray(array)))
    return request


def example(**features: float | list[float]) -> example_pb2.Example:
    one = example_pb2.Example()
    for name, values in features.items():
        one.features.feature[name].float_list.value.extend(values if isinstance(values, list) else [values])
    return one


def examples(*given: example_pb2.Example, context: example_pb2.Example | None = None) -> input_pb2.Input:
    if context is None:
        return input_pb2.Input(example_list=input_pb2.ExampleList(examples=given))
    return input_pb2.Input(example_list_with_context=input_pb2.ExampleListWithContext(examples=given, context=context))


def strings(*values: bytes) -> Any:
    return np.array(values, object)


@pytest.mark.parametrize(
    ("request_", "wanted"),
    [
        (predict("half_plus_two", x=FLOAT([[2]])), {"y": [[3]]}),
        (predict("half_plus_two", x=FLOAT([2, 3, 4])), {"y": [3, 3.5, 4]}),
        (predict("half_plus_two", version=123, x=FLOAT([[2], [4]])), {"y": [[3], [4]]}),
        (predict("half_plus_three", x=FLOAT([[2]])), {"y": [[4]]}),
        (predict("half_plus_two", x=np.zeros((0, 1), np.float32)), {"y": np.zeros((0, 1))}),
        (predict("odd", "two_inputs", a=FLOAT([[1, 2]]), b=FLOAT([[3, 4]])), {"sum": [[4, 6]], "scores": [[0.5, 0.5]]}),
        (predict("odd", "two_inputs", ("sum",), a=FLOAT([[1, 2]]), b=FLOAT([[3, 4]])), {"sum": [[4, 6]]}),
        (predict("odd", "string_output", logits=FLOAT([[1, 0], [0, 1]])), {"label": [b"low", b"high"]}),
        (
            predict("odd", "string_input", jpeg_bytes=strings(b"abc", b"\xff")),
            {"length": [3, 1], "echo_bytes": [b"abc", b"\xff"]},
        ),
        (predict("odd", "no_batch", x=FLOAT([1, 2, 3])), {"y": [2, 4, 6], "total": 6}),
    ],
)
def test_prediction(target: Target, request_: Any, wanted: dict[str, Any]) -> None:
    response = stub(target).Predict(request_, timeout=20)
    for name, values in wanted.items():
        array = to_array(response.outputs[name])
        if array.dtype.hasobject:
            assert array.tolist() == values
        else:
            assert array.shape == np.shape(values)
            assert np.abs(array - values).max(initial=0) <= 1e-4
    if request_.output_filter:
        assert set(response.outputs) == set(request_.output_filter)
    spec = response.model_spec
    assert spec.name == request_.model_spec.name
    assert spec.signature_name == (request_.model_spec.signature_name or "serving_default")
    assert spec.version.value == (1 if spec.name == "odd" else 123)


@pytest.mark.parametrize(
    ("signature", "given", "wanted"),
    [
        ("regress_x_to_y", examples(example(x=2)), [3]),
        ("regress_x_to_y", examples(example(x=2), example(x=4)), [3, 4]),
        ("regress_x_to_y2", examples(example(x=2)), [4]),
        ("regress_x2_to_y3", examples(example(x=0, x2=2), example(x=0)), [4, 3]),
        ("regress_x2_to_y3", examples(example(x=0), context=example(x2=2)), [4]),
        ("regress_x_to_y", examples(example(x=2), context=example(x=9)), [3]),
    ],
)
def test_regression(target: Target, signature: str, given: Any, wanted: list[float]) -> None:
    request = spec_of(regression_pb2.RegressionRequest(input=given), "half_plus_two", signature)
    response = stub(target).Regress(request, timeout=20)
    assert [one.value for one in response.result.regressions] == pytest.approx(wanted)
    assert response.model_spec.version.value == 123


def test_classification(target: Target) -> None:
    given = examples(example(x=[0.0, 0.0]), example(x=[0.0, 9.0]))
    response = stub(target).Classify(
        spec_of(classification_pb2.ClassificationRequest(input=given), "odd", "classify"), timeout=20
    )
    found = [[(one.label, round(one.score, 3)) for one in row.classes] for row in response.result.classifications]
    assert found == [[("low", 0.5), ("high", 0.5)], [("low", 0.0), ("high", 1.0)]]


def test_classification_without_names(target: Target) -> None:
    request = classification_pb2.ClassificationRequest(input=examples(example(x=2)))
    response = stub(target).Classify(spec_of(request, "half_plus_two", "classify_x_to_y"), timeout=20)
    ((one,),) = [row.classes for row in response.result.classifications]
    assert (one.label, one.score) == ("", 3)


def task(signature: str, method: str, model: str = "half_plus_two") -> Any:
    one = inference_pb2.InferenceTask(method_name=f"tensorflow/serving/{method}")
    return spec_of(one, model, signature)


def test_several_inferences_at_once(target: Target) -> None:
    tasks = [task("regress_x_to_y", "regress"), task("classify_x_to_y", "classify")]
    request = inference_pb2.MultiInferenceRequest(tasks=tasks, input=examples(example(x=2)))
    first, second = stub(target).MultiInference(request, timeout=20).results
    assert first.regression_result.regressions[0].value == 3
    assert second.classification_result.classifications[0].classes[0].score == 3
    assert {result.model_spec.signature_name for result in (first, second)} == {"regress_x_to_y", "classify_x_to_y"}


def multi(*tasks: Any) -> Any:
    return inference_pb2.MultiInferenceRequest(tasks=tasks, input=examples(example(x=2)))


def classify(signature: str, *given: Any, model: str = "half_plus_two") -> Any:
    return spec_of(classification_pb2.ClassificationRequest(input=examples(*given)), model, signature)


def regress(signature: str, *given: Any, model: str = "half_plus_two") -> Any:
    return spec_of(regression_pb2.RegressionRequest(input=examples(*given)), model, signature)


def metadata(model: str | None, *fields: str) -> Any:
    request = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=fields)
    if model is not None:
        request.model_spec.name = model
    return request


X = FLOAT([[2]])


@pytest.mark.parametrize(
    ("method", "request_", "code", "text"),
    [
        ("Predict", predict("", x=X), Code.INVALID_ARGUMENT, "ModelSpec has no name specified."),
        ("Predict", predict("none", x=X), Code.NOT_FOUND, "Servable not found for request: Latest(none)"),
        ("Predict", predict("odd", version=9, x=X), Code.NOT_FOUND, "Servable not found for request: Specific(odd, 9)"),
        ("Predict", predict("half_plus_two", "none", x=X), Code.FAILED_PRECONDITION, 'signature key "none" not found.'),
        ("Predict", predict("half_plus_two"), Code.INVALID_ARGUMENT, "input size does not match signature: 0!=1"),
        (
            "Predict",
            predict("half_plus_two", x=X, z=X),
            Code.INVALID_ARGUMENT,
            "Sent extra: {z}. Missing but required: {}.",
        ),
        ("Predict", predict("half_plus_two", z=X), Code.INVALID_ARGUMENT, "x"),
        (
            "Predict",
            predict("half_plus_two", x=np.int32([[2]])),
            Code.INVALID_ARGUMENT,
            "to be float but int32 is provided",
        ),
        (
            "Predict",
            predict("half_plus_two", x=strings(b"2")),
            Code.INVALID_ARGUMENT,
            "to be float but string is provided",
        ),
        ("Predict", predict("half_plus_two", "", ("z",), x=X), Code.INVALID_ARGUMENT, "not found in signature: z"),
        (
            "Predict",
            predict("half_plus_two", "", ("y", "y"), x=X),
            Code.INVALID_ARGUMENT,
            "duplicate output tensor alias: y",
        ),
        ("Predict", predict("odd", "no_batch", x=FLOAT([1, 2])), Code.INVALID_ARGUMENT, ""),
        ("Classify", classify("classify_x_to_y"), Code.INVALID_ARGUMENT, "Input is empty."),
        (
            "Classify",
            classify("none", example(x=2)),
            Code.INVALID_ARGUMENT,
            "No signature was found with the name: none",
        ),
        ("Classify", classify("classify_x_to_y", example(z=2)), Code.INVALID_ARGUMENT, "x"),
        ("Classify", classify("", example(x=2), model="none"), Code.NOT_FOUND, "Latest(none)"),
        (
            "Classify",
            classify("two_inputs", example(x=2), model="odd"),
            Code.INVALID_ARGUMENT,
            "Expected one input Tensor.",
        ),
        ("Regress", regress("regress_x_to_y"), Code.INVALID_ARGUMENT, "Input is empty."),
        ("Regress", regress("none", example(x=2)), Code.INVALID_ARGUMENT, "No signature was found with the name: none"),
        (
            "Regress",
            regress("string_output", example(x=2), model="odd"),
            Code.INVALID_ARGUMENT,
            "Expected one output Tensor.",
        ),
        ("Regress", regress("classify_x_to_y", example(x=2)), Code.FAILED_PRECONDITION, "No regression outputs found"),
        ("MultiInference", multi(), Code.INVALID_ARGUMENT, ""),
        (
            "MultiInference",
            multi(*[task("regress_x_to_y", "regress")] * 2),
            Code.INVALID_ARGUMENT,
            "Duplicate evaluation of",
        ),
        (
            "MultiInference",
            multi(task("regress_x_to_y", "guess")),
            Code.UNIMPLEMENTED,
            "Unsupported signature method_name",
        ),
        (
            "MultiInference",
            multi(task("regress_x_to_y", "regress"), task("regress_x_to_y", "regress", "half_plus_three")),
            Code.INVALID_ARGUMENT,
            "must access the same model name",
        ),
        ("GetModelMetadata", metadata(None, "signature_def"), Code.INVALID_ARGUMENT, "Missing ModelSpec"),
        ("GetModelMetadata", metadata("odd"), Code.INVALID_ARGUMENT, "must specify at least one metadata_field"),
        (
            "GetModelMetadata",
            metadata("odd", "weights"),
            Code.INVALID_ARGUMENT,
            "Metadata field weights is not supported",
        ),
    ],
)
def test_wrong_call_has_its_code_and_text(
    target: Target, method: str, request_: Any, code: grpc.StatusCode, text: str
) -> None:
    call: Callable[..., Any] = getattr(stub(target), method)
    with pytest.raises(grpc.RpcError) as caught:
        call(request_, timeout=20)
    assert caught.value.code() is code, caught.value.details()
    assert text in caught.value.details()
    assert stub(target).Predict(predict("half_plus_two", x=X), timeout=20).outputs["y"].float_val[0] == 3


def test_metadata_tells_every_signature(target: Target) -> None:
    response = stub(target).GetModelMetadata(metadata("half_plus_two", "signature_def"), timeout=20)
    found = get_model_metadata_pb2.SignatureDefMap()
    assert response.metadata["signature_def"].Unpack(found)
    methods = {name: definition.method_name.rsplit("/")[-1] for name, definition in found.signature_def.items()}
    assert methods == {
        "serving_default": "predict",
        "classify_x_to_y": "classify",
        "regress_x_to_y": "regress",
        "regress_x_to_y2": "regress",
        "regress_x2_to_y3": "regress",
    }
