"""How does a SavedModel become something that OpenVINO runs? Once, in a process of its own.

    python -m model.convert SAVED_MODEL_FOLDER OUT_FOLDER

TensorFlow is loaded only here, so the server never holds it. Every signature is converted from its concrete function.
Where signatures are one network behind different first steps (uint8 images that are scaled to the float32 ones), the
network is written once, as the trunk, and each signature's first steps by themselves: its weights are in memory once.

OUT_FOLDER gets an OpenVINO IR a graph and GRAPHS_FILE, which names for each signature the graphs that run one after the
other: `{"serve_uint8": ["signature1", "trunk"], ...}`.
"""

import hashlib
import json
import os
import sys
from itertools import product
from pathlib import Path
from typing import Any

import openvino

GRAPHS_FILE = "graphs.json"
TRUNK = "trunk"


def main() -> None:
    """Convert the folder named first into the folder named second."""
    source, out = Path(sys.argv[1]), Path(sys.argv[2])
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import tensorflow as tf

    loaded = tf.saved_model.load(str(source))  # kept: it owns the variables
    write({name: _convert(function) for name, function in loaded.signatures.items()}, out)


def _convert(function: Any) -> openvino.Model:
    """The signature's function as a model whose inputs and outputs bear the signature's names."""
    model = openvino.convert_model(function)
    _, inputs = function.structured_input_signature
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
        graph = f"signature{number}"
        graphs[name] = [graph]
        if name in shared:
            cut = shared[name]
            steps = openvino.Model([openvino.opset13.result(cut)], model.get_parameters(), graph)
            if not (out / f"{TRUNK}.xml").exists():
                _save(_after(model, cut), out / f"{TRUNK}.xml")
            graphs[name].append(TRUNK)
            model = steps
        _save(model, out / f"{graph}.xml")
    (out / GRAPHS_FILE).write_text(json.dumps(graphs))


def _save(model: openvino.Model, path: Path) -> None:
    openvino.save_model(model, path, compress_to_fp16=False)


def _after(model: openvino.Model, cut: Any) -> openvino.Model:
    """The part of the model behind a cut, with one new input in its place."""
    parameter = openvino.opset13.parameter(cut.get_partial_shape(), cut.get_element_type())
    for target in list(cut.get_target_inputs()):
        if target.get_node().get_type_name() != "Result":
            target.replace_source_output(parameter.output(0))
    return openvino.Model(model.get_results(), [parameter], TRUNK)


def _shared_trunk(models: dict[str, openvino.Model]) -> dict[str, Any]:
    """Where to cut each signature so that the same network follows in all of them; empty if none is the same.

    The cut lies as early as it can: as little as possible is left before it.
    """
    if len(models) < 2 or any(len(model.get_parameters()) != 1 for model in models.values()):
        return {}
    places = [[(cut, _fingerprint(model, cut)) for cut in _chain(model)] for model in models.values()]
    for cuts in product(*places):
        if len({fingerprint for _, fingerprint in cuts}) == 1:
            return {name: cut for name, (cut, _) in zip(models, cuts, strict=True)}
    return {}


def _chain(model: openvino.Model) -> list[Any]:
    """The outputs, from the input on, that everything after them goes through: each with one consumer."""
    output = model.get_parameters()[0].output(0)
    chain = [output]
    while len(output.get_target_inputs()) == 1:
        node = next(iter(output.get_target_inputs())).get_node()
        others = [source.get_source_output().get_node() for source in node.inputs()]
        computed = [other for other in others if other.get_type_name() != "Constant"]
        if (
            len(computed) != 1
            or len(node.outputs()) != 1
            or node.get_type_name() in ("Convolution", "MatMul", "Result")
        ):
            break
        output = node.output(0)
        chain.append(output)
    return chain


def _fingerprint(model: openvino.Model, cut: Any) -> str:
    """A hash of everything behind the cut: operations, attributes, constants, and the names of the outputs."""
    hashes: dict[str, str] = {}
    results = []
    for node in model.get_ordered_ops():
        sources = []
        for source in node.inputs():
            output = source.get_source_output()
            is_cut = output == cut
            sources.append("cut" if is_cut else f"{hashes[output.get_node().get_name()]}:{output.get_index()}")
        said = hashlib.sha256(f"{node.get_type_name()} {sources} {_attributes(node)}".encode())
        if node.get_type_name() == "Constant":
            said.update(node.get_data().tobytes())
        hashes[node.get_name()] = said.hexdigest()
        if node.get_type_name() == "Result":
            names = sorted(node.input(0).get_source_output().get_names())
            results.append(f"{names} {hashes[node.get_name()]}")
    kind = f"{cut.get_partial_shape()} {cut.get_element_type()}"
    return hashlib.sha256(f"{kind} {sorted(results)}".encode()).hexdigest()


def _attributes(node: Any) -> str:
    return repr(sorted((name, repr(value)) for name, value in node.get_attributes().items() if name != "output_names"))


if __name__ == "__main__":
    main()
