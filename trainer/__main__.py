"""python -m trainer train|evaluate|export CONFIG: one run from photographs to a served model."""

import argparse
import os
import sys
from pathlib import Path

# Said before TensorFlow is imported: its start-up notes would hide the run's own lines.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from trainer.config import Config, load_config
from trainer.data import Dataset, load
from trainer.errors import TrainerError

PRECISIONS = ("float32", "bfloat16")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="python -m trainer", description="Train, evaluate and export a classifier.")
    commands = top.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="train, or go on with a run that was stopped")
    train.add_argument(
        "--weights",
        type=Path,
        help="ImageNet weights of the backbone; without it Keras downloads them; random: last resort",
    )
    evaluate = commands.add_parser("evaluate", help="measure the exported model on a split")
    evaluate.add_argument("--split", choices=("valid", "held_back"), default="valid")
    evaluate.add_argument("--precision", choices=PRECISIONS, default="float32")
    evaluate.add_argument("--record", action="store_true", help="write threshold and metrics into the model's card")
    export = commands.add_parser("export", help="write the trained run as a SavedModel with its card")
    export.add_argument("--keras", action="store_true", help="write the .keras file beside it")
    export.add_argument("--replace", action="store_true", help="replace a version that is there")
    for command in (train, evaluate, export):
        command.add_argument("config", help="a Python file, or a name in trainer/configs")
        command.add_argument("--data", type=Path, required=True, help="folder a class, or a CSV of image_ID and label")
        command.add_argument("--run", type=Path, help="the run's folder (default: runs/NAME)")
    for command in (evaluate, export):
        command.add_argument("--models", type=Path, default=Path("model"), help="folder of models (default: model)")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Run a command; the exit status."""
    options = parser().parse_args(arguments)
    try:
        config = load_config(options.config)
        dataset = load(options.data)
        run = options.run or Path("runs") / config.name
        {"train": _train, "evaluate": _evaluate, "export": _export}[options.command](options, config, dataset, run)
    except TrainerError as error:
        print(f"trainer: {error}", file=sys.stderr)
        return 1
    return 0


def _train(options: argparse.Namespace, config: Config, dataset: Dataset, run: Path) -> None:
    from trainer.train import train

    print(f"Trained: {train(config, dataset, options.weights, run)}")


def _export(options: argparse.Namespace, config: Config, dataset: Dataset, run: Path) -> None:
    from trainer.export import export

    version = export(config, dataset, run, options.models, keep_keras=options.keras, replace=options.replace)
    print(f"Exported: {version}")


def _evaluate(options: argparse.Namespace, config: Config, dataset: Dataset, run: Path) -> None:
    import numpy as np

    from trainer.evaluate import as_text, report
    from trainer.export import answered, held_back_examples, record

    version = options.models / config.name / str(config.version)
    if not version.is_dir():
        raise TrainerError(f"There is no exported model {version}.")
    if options.record:
        print(as_text(record(version, config, dataset, held_back_examples(dataset, run), options.precision)))
        return
    examples = dataset.valid if options.split == "valid" else held_back_examples(dataset, run)
    if not examples:
        raise TrainerError(f"The data set has no {options.split} pictures.")
    given = answered(version, config, examples, options.precision)
    print(as_text(report(given.probabilities, np.array([example.label for example in examples]), dataset.labels)))


if __name__ == "__main__":
    sys.exit(main())
