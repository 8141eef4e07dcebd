"""python -m trainer doubtful|search|train|known|export|evaluate|quantize CONFIG: from photographs to a served model."""

import argparse
import os
import sys
from pathlib import Path

# Said before TensorFlow is imported: its start-up notes would hide the run's own lines.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from trainer.config import Config, load_config
from trainer.data import Dataset, Example, Foreign, load, load_foreign, load_outliers, notes
from trainer.errors import TrainerError

PRECISIONS = ("float32", "bfloat16", "int8")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m trainer", description="Train, evaluate and export a classifier.")
    commands = top.add_subparsers(dest="command", required=True)
    doubtful = commands.add_parser("doubtful", help="list training pictures whose labels are likely wrong")
    search = commands.add_parser("search", help="look for better hyperparameters, or go on with a search")
    train = commands.add_parser("train", help="train, or go on with a run that was stopped")
    known = commands.add_parser("known", help="compare scores that tell pictures of none of the classes")
    export = commands.add_parser("export", help="write the trained run as a SavedModel with its card")
    evaluate = commands.add_parser("evaluate", help="measure the exported model on a split")

    quantize = commands.add_parser("quantize", help="give the exported model an int8 copy, and judge it")

    for command in (doubtful, search, train):
        command.add_argument(
            "--weights",
            type=Path,
            help="ImageNet weights of the backbone; without it Keras downloads them; random: last resort",
        )
    search.add_argument("--minutes", type=float, default=20, help="budget; 0 only writes the record (default: 20)")
    train.add_argument("--outliers", type=Path, help="pictures of none of the classes, to train on as such")
    for command in (train, known, export, evaluate, quantize):
        command.add_argument(
            "--foreign",
            type=Path,
            required=command is known,
            help="pictures of none of the classes (splits tune and valid), never trained on",
        )
    export.add_argument("--keras", action="store_true", help="write the .keras file beside it")
    export.add_argument("--replace", action="store_true", help="replace a version that is there")
    evaluate.add_argument(
        "--split", choices=("valid", "held_back"), help="default: valid, or held_back where that is empty"
    )
    evaluate.add_argument("--precision", choices=PRECISIONS, default="float32")
    evaluate.add_argument("--robustness", action="store_true", help="also on pictures in a worse state (minutes)")
    evaluate.add_argument("--explanation", action="store_true", help="also whether heatmaps hold (minutes)")
    evaluate.add_argument("--record", action="store_true", help="write threshold and metrics into the model's card")
    for command in (doubtful, search, train, known, export, evaluate, quantize):
        command.add_argument("config", help="a Python file, or a name in trainer/configs")
        command.add_argument("--data", type=Path, required=True, help="folder a class, or a CSV of image_ID and label")
        command.add_argument("--run", type=Path, help="the run's folder (default: runs/NAME)")
    for command in (export, evaluate, quantize):
        command.add_argument("--models", type=Path, default=Path("model"), help="folder of models (default: model)")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit status."""
    options = parser().parse_args(arguments)
    commands = {
        "doubtful": _doubtful,
        "search": _search,
        "train": _train,
        "known": _known,
        "export": _export,
        "evaluate": _evaluate,
        "quantize": _quantize,
    }
    try:
        config = load_config(options.config)
        left_out = config.left_out if options.command != "doubtful" else None
        dataset = load(options.data, left_out)
        run = options.run or Path("runs") / config.name
        commands[options.command](options, config, dataset, run)
    except TrainerError as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 1
    return 0


def _foreign(options: argparse.Namespace) -> Foreign | None:
    return load_foreign(options.foreign) if options.foreign else None


def _doubtful(options: argparse.Namespace, config: Config, dataset: Dataset, run: Path) -> None:
    from trainer.doubtful import doubtful

    print(f"Pictures: {doubtful(config, dataset, options.weights, run)}")


def _search(options: argparse.Namespace, config: Config, dataset: Dataset, run: Path) -> None:
    from trainer.search import search

    print(f"Record: {search(config, dataset, options.weights, run, options.minutes)}")


def _train(options: argparse.Namespace, config: Config, dataset: Dataset, run: Path) -> None:
    from trainer.known import OUTLIER_SCORES
    from trainer.train import train

    if config.known_score in OUTLIER_SCORES and not options.outliers:
        raise TrainerError(
            f"known_score={config.known_score!r} needs pictures of none of the classes: give some by --outliers, or "
            "choose another score."
        )
    foreign = _foreign(options) or {}
    outliers: tuple[Example, ...] = ()
    if options.outliers:
        judged = [example for examples in foreign.values() for example in examples]
        outliers = load_outliers(options.outliers, config.outliers_not_used, judged)
    print(f"Trained: {train(config, dataset, options.weights, run, outliers)}")


def _known(options: argparse.Namespace, config: Config, dataset: Dataset, run: Path) -> None:
    from trainer.known import compare

    result = compare(config, dataset, run, load_foreign(options.foreign))
    for name, by_split in result["scores"].items():
        said = ", ".join(
            f"{split} {told['flagged']:.1%} flagged, AUROC {told['auroc']:.3f}" for split, told in by_split.items()
        )
        print(f"  {name:<24} {said}")
    print(f"Best on tune: {result['best']}; the configuration says {config.known_score}.")


def _export(options: argparse.Namespace, config: Config, dataset: Dataset, run: Path) -> None:
    from trainer.export import export

    version = export(
        config, dataset, run, options.models, _foreign(options), keep_keras=options.keras, replace=options.replace
    )
    print(f"Exported: {version}")


def _evaluate(options: argparse.Namespace, config: Config, dataset: Dataset, run: Path) -> None:
    from trainer import report
    from trainer.evaluate import as_text
    from trainer.explanation import explanation
    from trainer.measure import agreement, evaluated, record, robustness
    from trainer.split import held_back_examples

    version = _exported(options, config)
    if options.explanation and options.precision == "int8":
        raise TrainerError("Explanations are never computed in int8.")
    split = options.split or ("valid" if dataset.valid else "held_back")
    examples = list(dataset.valid) if split == "valid" else held_back_examples(config, dataset, run)
    if not examples:
        raise TrainerError(f"The data set has no {split} pictures.")
    result, given = evaluated(version, config, examples, dataset.labels, options.precision)
    result = {"model": f"{config.name}/{config.version}", "split": split, "precision": options.precision} | result
    print(as_text(result))
    more = {}
    if options.robustness:
        more["robustness"] = robustness(version, config, examples, options.precision)
    if options.explanation:
        more["explanation"] = explanation(version, config, run, examples, options.precision)
        print(f"Deletion test: {more['explanation']['held']:.1%} of {more['explanation']['pictures']} pictures.")
    judged = notes(config.judged, "judgement") if config.judged else {}
    folder = run / f"report-{split}-{options.precision}"
    page = report.write(folder, config, result | more, examples, given.probabilities, dataset.labels, judged)
    print(f"Report: {page}")
    if options.record:
        if options.precision != "float32":
            more["agreement"] = agreement(version, config, dataset, options.precision)
        record(version, config, dataset, run, _foreign(options), options.precision, more)


def _quantize(options: argparse.Namespace, config: Config, dataset: Dataset, run: Path) -> None:
    from trainer.quantize import quantize

    version = _exported(options, config)
    passed = quantize(config, dataset, run, version, _foreign(options))
    print(
        f"{version} {'is' if passed else 'is not'} served in int8 by itself: the copy {'holds' if passed else 'misses'}"
        " its limits."
    )


def _exported(options: argparse.Namespace, config: Config) -> Path:
    version: Path = options.models / config.name / str(config.version)
    if not version.is_dir():
        raise TrainerError(f"There is no exported model {version}.")
    return version


if __name__ == "__main__":
    sys.exit(main())
