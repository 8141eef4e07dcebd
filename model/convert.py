"""How does a SavedModel become something that OpenVINO runs? Once, in a process of its own.

    python -m model.convert SAVED_MODEL_FOLDER OUT_FOLDER [SAVED_MODEL_FOLDER OUT_FOLDER ...]

TensorFlow is loaded only here, so the server never holds it. Every signature is converted from its concrete function.
Where signatures are one network behind different first steps (uint8 images that are scaled to the float32 ones), the
network is written once, as the trunk, and each signature's first steps by themselves: its weights are in memory once.
A signature with fewer outputs, or without some inputs, than the widest one is served from the widest one's trunk.

OUT_FOLDER gets an OpenVINO IR a graph and GRAPHS_FILE, which names for each signature the graphs that run one after the
other: `{"serve_uint8": ["signature1", "trunk"], ...}`. Signatures that OpenVINO can't run, because they take or give
strings or have operations that it doesn't know, stand in RUNTIME_FILE with the reason.
"""

import hashlib
import json
import os
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import openvino

GRAPHS_FILE = "graphs.json"
RUNTIME_FILE = "runtime.json"
ERROR_FILE = "error.txt"
"""Says in an OUT_FOLDER without graphs why there are none."""
TRUNK = "trunk"
TRUNK_INPUT = "trunk_input"
"""Name of the trunk's input that takes what a signature's first steps give."""


def main(arguments: list[str]) -> None:
    """Convert each folder into the one named after it; one that can't be doesn't keep the others from it."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    try:
        import tensorflow as tf

        tf.saved_model.load  # noqa: B018  # where only the protocol's modules lie, there is no more than a name
    except (ImportError, AttributeError):
        sys.exit("the TensorFlow runtime isn't installed, which converts: pip install tensorflow-cpu")
    folders = list(map(Path, arguments))
    for source, out in zip(folders[::2], folders[1::2], strict=True):
        try:
            _convert_all(tf, source, out)
        except Exception as error:  # TensorFlow raises many kinds
            (out / ERROR_FILE).write_text(f"{type(error).__name__}: {error}".strip().splitlines()[-1])


def _convert_all(tf: Any, source: Path, out: Path) -> None:
    loaded = tf.saved_model.load(str(source), tags=["serve"])  # kept: it owns the variables
    models: dict[str, openvino.Model] = {}
    refused: dict[str, str] = {}
    for name, function in loaded.signatures.items():
        try:
            models[name] = _convert(function, tf.string)
        except Exception as error:  # the converter raises many kinds
            refused[name] = (str(error).strip().splitlines() or [type(error).__name__])[0]
    out.mkdir(parents=True, exist_ok=True)
    (out / RUNTIME_FILE).write_text(json.dumps(refused))
    write(models, out)


def _convert(function: Any, string: Any) -> openvino.Model:
    """The signature's function as a model whose inputs and outputs bear the signature's names."""
    _, inputs = function.structured_input_signature
    if string in [spec.dtype for spec in (*inputs.values(), *function.structured_outputs.values())]:
        raise ValueError("it takes or gives strings")
    model = openvino.convert_model(function)
    for ports, names in ((model.inputs, list(inputs)), (model.outputs, sorted(function.structured_outputs))):
        if len(ports) != len(names):
            raise ValueError(f"the converted model has {len(ports)} ports for {names}")
        known = {name for port in ports for name in port.get_names()}
        for port, name in zip(ports, names, strict=True):
            if not known.issuperset(names):
                port.get_tensor().set_names({name})
    return model


def write(models: dict[str, openvino.Model], out: Path) -> None:
    """Write the signatures' models into the folder, those that share a trunk in two parts."""
    out.mkdir(parents=True, exist_ok=True)
    shared = _shared_trunk(models)
    graphs: dict[str, list[str]] = {}
    for number, (name, model) in enumerate(models.items()):
        graphs[name] = [f"signature{number}"]
        if shared is not None:
            graphs[name].append(TRUNK)
            cut = shared.cuts[name]
            (first,) = [one for one in model.get_parameters() if shared.input in one.output(0).get_names()]
            steps = openvino.Model([openvino.opset13.result(cut)], [first], graphs[name][0])
            if name == shared.widest:
                _save(_after(model, cut, first), out / f"{TRUNK}.xml")
            model = steps
        _save(model, out / f"{graphs[name][0]}.xml")
    (out / GRAPHS_FILE).write_text(json.dumps(graphs))


def _save(model: openvino.Model, path: Path) -> None:
    openvino.save_model(model, path, compress_to_fp16=False)


def _after(model: openvino.Model, cut: Any, first: Any) -> openvino.Model:
    """The part of the model behind a cut, with the input TRUNK_INPUT in the place of what was before it."""
    parameter = openvino.opset13.parameter(cut.get_partial_shape(), cut.get_element_type())
    parameter.output(0).get_tensor().set_names({TRUNK_INPUT})
    for target in list(cut.get_target_inputs()):
        if target.get_node().get_type_name() != "Result":
            target.replace_source_output(parameter.output(0))
    others = [one for one in model.get_parameters() if one.get_name() != first.get_name()]
    return openvino.Model(model.get_results(), [parameter, *others], TRUNK)


@dataclass(frozen=True)
class _Trunk:
    """The network that all signatures share."""

    widest: str
    """The signature that has every output of the others."""
    input: str
    """The input, common to all signatures, behind which the cuts lie."""
    cuts: dict[str, Any]
    """The output where each signature is cut."""


def _shared_trunk(models: dict[str, openvino.Model]) -> _Trunk | None:
    """Where to cut each signature so that one network follows in all of them, or None if there isn't one.

    One signature, the widest, computes every output of every other exactly as that one does; it may have outputs and
    inputs of its own. The cut lies as early as it can: as little as possible is left before it.
    """
    if len(models) < 2:
        return None
    inputs = [{name for port in model.inputs for name in port.get_names()} for model in models.values()]
    for name in sorted(set.intersection(*inputs)):
        places = [_fingerprints(model, name) for model in models.values()]
        for cuts in product(*places):
            outputs = [fingerprints for _, fingerprints in cuts]
            widest = max(outputs, key=len)
            if all(narrower.items() <= widest.items() for narrower in outputs):
                by_name = dict(zip(models, (cut for cut, _ in cuts), strict=True))
                return _Trunk(list(models)[outputs.index(widest)], name, by_name)
    return None


def _fingerprints(model: openvino.Model, name: str) -> list[tuple[Any, dict[str, str]]]:
    """Each place where the model can be cut behind an input, and what follows there: a hash by output."""
    contents = {
        node.get_name(): hashlib.sha256(node.get_data().tobytes()).hexdigest()
        for node in model.get_ordered_ops()
        if node.get_type_name() == "Constant"
    }
    return [(cut, _fingerprint(model, cut, contents)) for cut in _chain(model, name)]


def _chain(model: openvino.Model, name: str) -> list[Any]:
    """The outputs, from an input on, that everything after it goes through: each with one consumer."""
    output = model.input(name).get_node().output(0)
    chain = [output]
    while len(output.get_target_inputs()) == 1:
        node = next(iter(output.get_target_inputs())).get_node()
        sources = [source.get_source_output().get_node().get_type_name() for source in node.inputs()]
        computes = node.get_type_name() in ("Convolution", "MatMul", "Result")
        if computes or sources.count("Constant") != len(sources) - 1 or len(node.outputs()) != 1:
            break
        output = node.output(0)
        chain.append(output)
    return chain


def _fingerprint(model: openvino.Model, cut: Any, contents: dict[str, str]) -> dict[str, str]:
    """For each output, a hash of what computes it behind the cut: operations, attributes, constants, other inputs."""
    kind = f"{cut.get_partial_shape()} {cut.get_element_type()}"
    hashes: dict[str, str] = {}
    outputs = {}
    for node in model.get_ordered_ops():
        sources = []
        for source in node.inputs():
            output = source.get_source_output()
            known = hashes[output.get_node().get_name()]
            sources.append(f"cut {kind}" if output == cut else f"{known}:{output.get_index()}")
        names = sorted(node.output(0).get_names()) if node.get_type_name() == "Parameter" else []
        said = f"{node.get_type_name()} {sources} {names} {_attributes(node)} {contents.get(node.get_name())}"
        hashes[node.get_name()] = hashlib.sha256(said.encode()).hexdigest()
        if node.get_type_name() == "Result":
            (source,) = node.inputs()
            outputs[min(source.get_source_output().get_names())] = hashes[node.get_name()]
    return outputs


def _attributes(node: Any) -> str:
    return repr(sorted((name, repr(value)) for name, value in node.get_attributes().items() if name != "output_names"))


if __name__ == "__main__":
    main(sys.argv[1:])
