"""How does a model get an int8 copy, and is the copy good enough to be served?

NNCF's post-training quantization on a few hundred training pictures. The copy is the network without what explains; it
gets a temperature and a threshold of its own. What it must hold is in LIMITS: where it does, its card says so, and the
embedded server computes in int8 by itself on processors that are made for it.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nncf
import numpy as np
import openvino
from numpy.typing import NDArray

from gateway.preprocessing import Images
from model.cache import converted
from model.convert import TRUNK, TRUNK_INPUT
from model.engine import graphs_of
from model.int8 import FOLDER, GRAPH, write_manifest
from trainer.config import Config
from trainer.data import Dataset, Example, Foreign
from trainer.errors import TrainerError
from trainer.evaluate import temperature
from trainer.features import tensors
from trainer.measure import agreement, read_card, record, write_card
from trainer.split import held_back_examples

Compute = Callable[[NDArray[Any]], NDArray[np.float32]]

SIGNATURES = ("serve_uint8", "serving_default")
OUTPUTS = ("probabilities", "logits", "known_score")
CALIBRATED = 300
"""How many training pictures the ranges of the activations are taken from."""
LIMITS = {"accuracy_lost": 0.005, "agreement": 0.985, "ece": 0.03, "auroc_lost": 0.02}
"""What a copy must hold: the largest loss of accuracy against float32, the smallest share of pictures with the same top
class, the largest expected calibration error, and the largest loss of AUROC against foreign pictures."""


@dataclass(frozen=True)
class Attempt:
    """A way to quantize."""

    name: str
    fast_bias_correction: bool
    preset: nncf.QuantizationPreset
    whole_first_block: bool = True
    """Whether the convolutions before the first concatenation are quantized too."""


ATTEMPTS = (
    Attempt("plain", True, nncf.QuantizationPreset.PERFORMANCE),
    Attempt("asymmetric activations, every layer's bias corrected", False, nncf.QuantizationPreset.MIXED),
    Attempt("the same, first block in float32", False, nncf.QuantizationPreset.MIXED, whole_first_block=False),
)
"""Tried in this order until one holds the limits; each is more exact than the one before it, and slower to make or to
compute."""


def quantize(config: Config, dataset: Dataset, run: Path, version: Path, foreign: Foreign | None) -> bool:
    """Write an int8 copy of an exported model into its folder, measure it, and write into its card what it's worth.

    Args:
        config: The run.
        dataset: Its pictures.
        run: The run's folder, trained.
        version: The exported model's folder.
        foreign: Pictures of none of the classes; without them AUROC isn't judged.

    Returns:
        Whether the copy holds the LIMITS. The last one that was tried stays there either way.

    Raises:
        TrainerError: The run isn't trained, or the model isn't one that `trainer export` wrote.
    """
    held_back = held_back_examples(config, dataset, run)
    pictures = calibration(dataset.train, held_back, config.seed)
    tried: list[dict[str, Any]] = []
    for attempt in ATTEMPTS:
        print(f"Quantizing, {attempt.name}", flush=True)
        first_steps, network = in_float32(version)
        inputs = [image[None] for images in _batches(config, pictures) for image in first_steps(images)]
        network = quantized(network, inputs, attempt)
        logits_of = _computing(network, "logits")
        logits = np.concatenate([logits_of(first_steps(images)) for images in _batches(config, held_back)])
        divisor = temperature(logits, np.array([example.label for example in held_back]))
        divide_logits(network, divisor)
        _write(network, version, {"nncf": nncf.__version__, "attempt": attempt.name, "pictures": len(pictures)})
        tried.append({"attempt": attempt.name} | _judged(config, dataset, run, version, foreign, divisor))
        if _passed(tried[-1]):
            break
    path = version / "assets.extra" / "card.json"
    write_card(path, read_card(path) | {"int8": {"passed": _passed(tried[-1]), "limits": LIMITS, "tried": tried}})
    return _passed(tried[-1])


def calibration(train: Sequence[Example], held_back: Sequence[Example], seed: int) -> list[Example]:
    """CALIBRATED of the pictures that were fitted, drawn evenly."""
    fitted = sorted(set(train) - set(held_back), key=lambda example: example.path)
    return [fitted[place] for place in np.random.default_rng(seed).permutation(len(fitted))[:CALIBRATED]]


def in_float32(version: Path) -> tuple[Compute, openvino.Model]:
    """The first steps of an exported model, and the network that follows, in float32 and without what explains.

    Returns:
        What makes the network's inputs of uint8 images (batch, H, W, 3); and the network, whose outputs are OUTPUTS.

    Raises:
        TrainerError: The model isn't one that `trainer export` wrote.
    """
    graphs = graphs_of(converted(version))
    chains = [graphs.get(name, [Path()]) for name in SIGNATURES]
    if any(chain[-1].stem != TRUNK for chain in chains):
        raise TrainerError(f"{version} has no signatures {' and '.join(SIGNATURES)} that share their network.")
    whole = openvino.Core().read_model(chains[0][-1])
    try:
        results = [whole.output(name).get_node() for name in OUTPUTS]
    except RuntimeError as error:
        raise TrainerError(f"{version} lacks one of the outputs {', '.join(OUTPUTS)}.") from error
    inputs = [one for one in whole.get_parameters() if TRUNK_INPUT in one.output(0).get_names()]
    (first,) = chains[0][:-1]
    return _computing(first, 0), openvino.Model(results, inputs, "int8")


def quantized(network: openvino.Model, inputs: Sequence[NDArray[np.float32]], attempt: Attempt) -> openvino.Model:
    """The network with int8 weights and activations; the head stays float32.

    Weights keep to 7 of their 8 bits. Processors without dot products of int8 add products in 16 bits, which whole
    int8 weights overflow: so the answers are the same everywhere, and can be judged anywhere.

    Args:
        network: float32.
        inputs: What its input is like, each a batch of one.
        attempt: How.
    """
    return nncf.quantize(
        network,
        nncf.Dataset(inputs),
        preset=attempt.preset,
        fast_bias_correction=attempt.fast_bias_correction,
        subset_size=len(inputs),
        ignored_scope=nncf.IgnoredScope(names=_kept(network, attempt)),
        advanced_parameters=nncf.AdvancedQuantizationParameters(overflow_fix=nncf.OverflowFix.ENABLE),
    )


def divide_logits(network: openvino.Model, divisor: float) -> None:
    """Divide the logits, before all that is made of them, by a temperature."""
    logits = _logits_node(network)
    consumers = list(logits.output(0).get_target_inputs())
    factor = openvino.opset13.constant(np.float32(1 / divisor))
    divided = openvino.opset13.multiply(logits, factor)
    for consumer in consumers:
        consumer.replace_source_output(divided.output(0))
    network.validate_nodes_and_infer_types()


def _logits_node(network: openvino.Model) -> Any:
    """The sum of the head's products and biases: what the logits are sliced from."""
    node = network.output("logits").get_node()
    while node.get_type_name() != "Add":
        node = node.input_value(0).get_node()
    return node


def _kept(network: openvino.Model, attempt: Attempt) -> list[str]:
    """Names of the operations that stay in float32: the head, and the first block where the attempt says so."""
    head = _logits_node(network)
    while head.get_type_name() != "Convolution":
        head = head.input_value(0).get_node()
    kept = [head.get_friendly_name()]
    if not attempt.whole_first_block:
        for node in network.get_ordered_ops():
            if node.get_type_name() == "Concat":
                break
            if node.get_type_name() == "Convolution":
                kept.append(node.get_friendly_name())
    return kept


def _batches(config: Config, examples: Sequence[Example]) -> Iterator[Images]:
    return tensors(examples, config.input_size, config.resize)


def _computing(graph: Path | openvino.Model, output: int | str) -> Compute:
    """What gives one output of a graph with one input."""
    compiled = openvino.Core().compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()

    def compute(batch: NDArray[Any]) -> NDArray[np.float32]:
        request.infer([batch])
        return np.array(request.get_tensor(compiled.output(output)).data)

    return compute


def _write(network: openvino.Model, version: Path, made: dict[str, Any]) -> None:
    """The copy, whole or not at all."""
    folder = version / FOLDER
    partial = folder.with_name(f".{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    openvino.save_model(network, partial / GRAPH, compress_to_fp16=False)
    write_manifest(partial, version, list(SIGNATURES), made)
    shutil.rmtree(folder, ignore_errors=True)
    partial.rename(folder)


def _judged(
    config: Config, dataset: Dataset, run: Path, version: Path, foreign: Foreign | None, divisor: float
) -> dict[str, float]:
    """The copy's figures, by the names in LIMITS; all that was measured goes into the card."""
    record(version, config, dataset, run, foreign, "int8", {"agreement": agreement(version, config, dataset, "int8")})
    path = version / "assets.extra" / "card.json"
    written = read_card(path)
    full = [precision for precision in written["known_threshold"] if precision != "int8"]
    int8_temperature = round(written["temperature"] * divisor, 4)
    written["temperatures"] = dict.fromkeys(full, written["temperature"]) | {"int8": int8_temperature}
    write_card(path, written)
    split = "valid" if dataset.valid else "held_back"
    float32, int8 = (written["metrics"][precision] for precision in ("float32", "int8"))
    judged = {
        "accuracy_lost": round(float32[split]["accuracy"] - int8[split]["accuracy"], 4),
        "agreement": int8["agreement"]["share"],
        "ece": int8[split]["ece"],
    }
    if foreign is not None and "foreign" in float32:
        judged["auroc_lost"] = round(float32["foreign"]["auroc"] - int8["foreign"]["auroc"], 4)
    print(f"  {judged}", flush=True)
    return judged


def _passed(judged: dict[str, Any]) -> bool:
    agreement_holds = judged["agreement"] >= LIMITS["agreement"]
    return agreement_holds and all(
        judged[name] <= limit for name, limit in LIMITS.items() if name in judged and name != "agreement"
    )
