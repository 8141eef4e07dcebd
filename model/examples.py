"""How are Classify, Regress and MultiInference answered? By signatures that take serialized tf.Examples.

Rules, codes and texts are TensorFlow Serving's (servables/tensorflow/classifier.cc, regressor.cc, multi_inference.cc,
util.cc).
"""

from collections.abc import Callable
from typing import Any

import grpc
import numpy as np
from numpy.typing import NDArray

from model.errors import ServingError, invalid, precondition
from model.servable import Servable
from model.signatures import DEFAULT_SIGNATURE
from protos import classification_pb2, inference_pb2, regression_pb2, types_pb2
from protos.tensors import type_name

CLASSIFY, REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"
INPUTS, CLASSES, SCORES, OUTPUTS = "inputs", "classes", "scores", "outputs"

Arrays = dict[str, NDArray[Any]]


def classify(servable: Servable, request: Any, timeout_s: float, *, check_method_name: bool = False) -> Any:
    """The ClassificationResponse to a ClassificationRequest.

    Args:
        servable: The version that the request asks for.
        request: Its examples, and the name of a signature.
        timeout_s: Longest wait, in seconds.
        check_method_name: Whether only signatures that are named as classifying do.

    Raises:
        ServingError: The signature doesn't classify, or the examples don't fit it.
        TimeoutError: There was no answer in time.
    """
    name, signature = _signature(servable, request.model_spec.signature_name)
    _check_method(signature, CLASSIFY if check_method_name else "", "classification")
    _check_classifies(signature)
    examples = serialized(request.input)
    wanted = [output for output in (CLASSES, SCORES) if output in signature.outputs]
    outputs = servable.run(name, {INPUTS: examples}, wanted, timeout_s)
    response = classification_pb2.ClassificationResponse(result=_classifications(outputs, len(examples)))
    _name(response.model_spec, servable, name)
    return response


def regress(servable: Servable, request: Any, timeout_s: float, *, check_method_name: bool = False) -> Any:
    """The RegressionResponse to a RegressionRequest; otherwise as `classify`."""
    name, signature = _signature(servable, request.model_spec.signature_name)
    _check_method(signature, REGRESS if check_method_name else "", "regression")
    _check_regresses(signature)
    examples = serialized(request.input)
    outputs = servable.run(name, {INPUTS: examples}, [OUTPUTS], timeout_s)
    response = regression_pb2.RegressionResponse(result=_regressions(outputs[OUTPUTS], len(examples)))
    _name(response.model_spec, servable, name)
    return response


def multi_inference(servable_of: Callable[[Any], Servable], request: Any, timeout_s: float) -> Any:
    """The MultiInferenceResponse to a MultiInferenceRequest: several of the two above for the same examples.

    Args:
        servable_of: Gives the version that a ModelSpec asks for.
        request: Its tasks, all for one model, each for another signature.
        timeout_s: Longest wait for each of them, in seconds.

    Raises:
        ServingError: A task can't be done.
        TimeoutError: There was no answer in time.
    """
    if not request.tasks:
        raise invalid("ModelSpec has no name specified.")
    servable = servable_of(request.tasks[0].model_spec)
    _check_tasks(request.tasks)
    response = inference_pb2.MultiInferenceResponse()
    for task in request.tasks:
        result = response.results.add()
        kind = (
            classification_pb2.ClassificationRequest
            if task.method_name == CLASSIFY
            else regression_pb2.RegressionRequest
        )
        answered = (classify if task.method_name == CLASSIFY else regress)(
            servable, kind(model_spec=task.model_spec, input=request.input), timeout_s
        )
        result.model_spec.CopyFrom(answered.model_spec)
        filled = result.classification_result if task.method_name == CLASSIFY else result.regression_result
        filled.CopyFrom(answered.result)
    return response


def serialized(given: Any) -> NDArray[Any]:
    """The examples of an Input as bytes: objects, shape (n,). A context's features hold for examples without them.

    Raises:
        ServingError: There is none.
    """
    kind = given.WhichOneof("kind")
    if kind == "example_list_with_context":
        # Serialized messages that follow each other are one message, in which the later fields win.
        context = given.example_list_with_context.context.SerializeToString()
        examples = [context + one.SerializeToString() for one in given.example_list_with_context.examples]
    else:
        examples = [one.SerializeToString() for one in given.example_list.examples]
    if not examples:
        raise invalid("Input is empty.")
    array = np.empty(len(examples), object)
    array[:] = examples
    return array


def _signature(servable: Servable, name: str) -> tuple[str, Any]:
    name = name or DEFAULT_SIGNATURE
    if name not in servable.signatures:
        raise invalid(f"No signature was found with the name: {name}")
    return name, servable.signatures[name]


def _check_method(signature: Any, wanted: str, what: str) -> None:
    if wanted and signature.method_name != wanted:
        raise invalid(f"Expected {what} signature method_name to be {wanted}. Was: {signature.method_name}")


def _check_classifies(signature: Any) -> None:
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) not in (1, 2):
        raise invalid(f"Expected one or two output Tensors, found {len(signature.outputs)}")
    _check_takes_examples(signature)
    if INPUTS not in signature.inputs:
        raise precondition(f"No classification inputs found in SignatureDef: {signature}")
    if not {CLASSES, SCORES} & set(signature.outputs):
        raise precondition(
            f'Expected classification signature outputs to contain at least one of "{CLASSES}" or "{SCORES}". '
            f"Signature was: {signature}"
        )


def _check_regresses(signature: Any) -> None:
    if len(signature.inputs) != 1:
        raise invalid("Expected one input Tensor.")
    if len(signature.outputs) != 1:
        raise invalid("Expected one output Tensor.")
    _check_takes_examples(signature)
    if INPUTS not in signature.inputs:
        raise precondition(f"No regression inputs found in SignatureDef: {signature}")
    if OUTPUTS not in signature.outputs:
        raise precondition(f"No regression outputs found in SignatureDef: {signature}")


def _check_takes_examples(signature: Any) -> None:
    (info,) = signature.inputs.values()
    if info.dtype != types_pb2.DT_STRING:
        raise invalid(f"Expects arg[0] to be {type_name(info.dtype)} but string is provided")


def _check_tasks(tasks: Any) -> None:
    seen: set[str] = set()
    for task in tasks:
        if not task.model_spec.name:
            raise invalid("Found ModelSpec with an empty model name.")
        if task.model_spec.name != tasks[0].model_spec.name:
            raise invalid("All ModelSpecs in a MultiInferenceRequest must access the same model name.")
        name = task.model_spec.signature_name or DEFAULT_SIGNATURE
        if name in seen:
            raise invalid(f"Duplicate evaluation of signature: {name}")
        seen.add(name)
        if task.method_name not in (CLASSIFY, REGRESS):
            raise ServingError(grpc.StatusCode.UNIMPLEMENTED, f"Unsupported signature method_name: {task.method_name}")


def _classifications(outputs: Arrays, count: int) -> Any:
    """The ClassificationResult of (n, classes) labels, scores, or both."""
    classes, scores = outputs.get(CLASSES), outputs.get(SCORES)
    _check_table(classes, CLASSES, "O", "DT_STRING", count)
    _check_table(scores, SCORES, "f", "DT_FLOAT", count)
    if classes is not None and scores is not None and classes.shape[1] != scores.shape[1]:
        raise invalid(
            f"Tensors class and score should match in dim_size(1). Got {classes.shape[1]} vs. {scores.shape[1]}"
        )
    result = classification_pb2.ClassificationResult()
    for row in range(count):
        found = result.classifications.add().classes
        for column in range((scores if classes is None else classes).shape[1]):  # type: ignore[union-attr]
            one = found.add()
            if classes is not None:
                one.label = classes[row, column].decode(errors="replace")
            if scores is not None:
                one.score = float(scores[row, column])
    return result


def _check_table(table: NDArray[Any] | None, name: str, kind: str, dtype: str, count: int) -> None:
    if table is None:
        return
    if table.dtype.kind != kind:
        raise invalid(f"Expected {name} Tensor of {dtype}. Got: {table.dtype}")
    if table.ndim != 2:
        raise invalid(f"Expected Tensor shape: [batch_size num_classes] but got {list(table.shape)}")
    if len(table) != count:
        raise invalid(f"Expected {name} output batch size of {count}. Got: {len(table)}")


def _regressions(values: NDArray[Any], count: int) -> Any:
    """The RegressionResult of (n,) or (n, 1) numbers."""
    if not (values.ndim == 1 or (values.ndim == 2 and values.shape[1] == 1)):
        raise invalid(
            f"Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got {list(values.shape)}"
        )
    if len(values) != count:
        raise invalid(f"Input batch size did not match output batch size: {count} vs. {len(values)}")
    if values.dtype != np.float32:
        raise invalid(f"Expected output Tensor of DT_FLOAT. Got: {values.dtype}")
    return regression_pb2.RegressionResult(
        regressions=[regression_pb2.Regression(value=value) for value in values.ravel().tolist()]
    )


def _name(spec: Any, servable: Servable, signature: str) -> None:
    spec.name, spec.signature_name = servable.name, signature
    spec.version.value = servable.version
