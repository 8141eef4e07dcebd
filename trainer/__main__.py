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
    evaluate.add_argument(
        "--split", choices=("valid", "held_back"), help="default: valid, or held_back where that is empty"
    )
    evaluate.add_argument("--precision", choices=PRECISIONS, default="float32")
    evaluate.add_argument("--robustness", action="store_true", help="also on pictures in a worse state (minutes)")
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

    from trainer import report
    from trainer.evaluate import as_text
    from trainer.evaluate import report as measured
    from trainer.export import answered, held_back_examples, record
    from trainer.robustness import HARDSHIPS

    version = options.models / config.name / str(config.version)
    if not version.is_dir():
        raise TrainerError(f"There is no exported model {version}.")
    split = options.split or ("valid" if dataset.valid else "held_back")
    examples = list(dataset.valid) if split == "valid" else held_back_examples(dataset, run)
    if not examples:
        raise TrainerError(f"The data set has no {split} pictures.")
    truth = np.array([example.label for example in examples])
    given = answered(version, config, examples, options.precision)
    result = {"model": f"{config.name}/{config.version}", "split": split, "precision": options.precision}
    result |= measured(given.probabilities, truth, dataset.labels)
    print(as_text(result))
    if options.robustness:
        result["robustness"] = {}
        for name, change in HARDSHIPS.items():
            worse = answered(version, config, examples, options.precision, change=change)
            share = round(float((worse.probabilities.argmax(axis=1) == truth).mean()), 4)
            result["robustness"][name] = share
            print(f"  {name:<16} {share:.1%}", flush=True)
    folder = run / f"report-{split}-{options.precision}"
    print(f"Report: {report.write(folder, config, result, examples, given.probabilities, dataset.labels)}")
    if options.record:
        record(version, config, dataset, held_back_examples(dataset, run), options.precision)


if __name__ == "__main__":
    sys.exit(main())
