"""Which hyperparameters are best? Short trainings on a few kept views, on a budget of minutes.

A trial trains the last blocks only, on features of FROZEN_UNTIL that are kept on disk, so it takes a minute instead of
an hour. The study lives in `run/search/study.db` and goes on where it was stopped; `search.json` beside it is its
record: what was tried, what was best, and, once `train` has been run with the values found, what they gave there.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from trainer import network
from trainer.config import Config
from trainer.data import Dataset, hold_back
from trainer.features import Extractor, KeptViews, kept_views
from trainer.fit import HISTORY_FILE, Fit, Split
from trainer.split import groups_of
from trainer.train import trainable

FROZEN_UNTIL = "mixed8"
VIEWS = 3
EPOCHS = 5
JUDGED = 0.25
"""Share of the training pictures that judges the trials, 0 to 1."""

SPACE: dict[str, Callable[[optuna.Trial], float]] = {
    "learning_rate": lambda trial: trial.suggest_float("learning_rate", 3e-5, 1e-3, log=True),
    "head_learning_rate": lambda trial: trial.suggest_float("head_learning_rate", 3e-4, 1e-2, log=True),
    "dropout": lambda trial: trial.suggest_float("dropout", 0.1, 0.7),
    "label_smoothing": lambda trial: trial.suggest_float("label_smoothing", 0.0, 0.15),
    "mixup": lambda trial: trial.suggest_float("mixup", 0.0, 0.4),
    "weight_decay": lambda trial: trial.suggest_float("weight_decay", 1e-5, 1e-1, log=True),
    "balance": lambda trial: trial.suggest_float("balance", 0.0, 1.0),
}
"""What is searched: a field of the configuration, and the values that it may have."""


def search(config: Config, dataset: Dataset, weights: Path | None, run: Path, minutes: float) -> Path:
    """Try values until the budget is spent; the configuration's own come first.

    Args:
        config: Where the search starts.
        dataset: Its training pictures; `valid` isn't looked at.
        weights: ImageNet weights of the backbone, or None for Keras' own download.
        run: The run's folder, which may hold a study to go on with, and a training to confirm it.
        minutes: The budget; a trial that has begun is ended. 0 only writes the record anew.

    Returns:
        The record, `run/search/search.json`.
    """
    folder = run / "search"
    folder.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        storage=f"sqlite:///{folder.resolve() / 'study.db'}",
        study_name=config.name,
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=config.seed + len(list(folder.glob("trial*"))), n_startup_trials=6),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
    )
    if not study.trials:
        study.enqueue_trial({name: getattr(config, name) for name in SPACE})
    if minutes > 0:
        study.optimize(_objective(config, dataset, weights, folder), timeout=60 * minutes)
    return _record(study, config, run)


def _objective(config: Config, dataset: Dataset, weights: Path | None, folder: Path) -> Callable[[optuna.Trial], float]:
    config = replace(config, frozen_until=FROZEN_UNTIL, epochs=EPOCHS, patience=EPOCHS, outlier_share=0.0)
    extract = Extractor(network.lower(network.backbone(weights, config.input_size), FROZEN_UNTIL), config.preprocessing)
    views = kept_views(dataset.train, config, VIEWS, extract, weights, folder)
    labels = np.array([example.label for example in dataset.train])
    fitted, judged = hold_back(labels.tolist(), groups_of(dataset.train, config, views), JUDGED, config.seed)
    split = Split(fitted, judged, np.array([], np.intp))
    return lambda trial: _try(trial, config, views, labels, split, weights, folder)


def _try(
    trial: optuna.Trial,
    config: Config,
    views: KeptViews,
    labels: np.ndarray[Any, np.dtype[np.intp]],
    split: Split,
    weights: Path | None,
    folder: Path,
) -> float:
    """The lowest loss on the judged pictures, after fitting their temperature."""
    chosen: dict[str, Any] = {name: suggest(trial) for name, suggest in SPACE.items()}
    config = replace(config, **chosen)

    def report(line: dict[str, float]) -> None:
        trial.report(line["held_back_loss"], int(line["epoch"]))
        trial.set_user_attr("accuracy", line["accuracy"])
        if trial.should_prune():
            raise optuna.TrialPruned

    upper = trainable(config, weights, int(labels.max()) + 1)
    fit = Fit(config, upper, views, labels, split, folder / f"trial{trial.number}", after_epoch=report)
    fit.fit()
    print(f"trial {trial.number}: loss {fit.progress.best_loss:.4f} {trial.params}", flush=True)
    for left in ("checkpoint.npz", "best.npz"):
        (fit.folder / left).unlink()
    return fit.progress.best_loss


def _record(study: optuna.Study, config: Config, run: Path) -> Path:
    trials = [
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "loss": _rounded(trial.value if trial.value is not None else min(trial.intermediate_values.values())),
            "accuracy": _rounded(trial.user_attrs["accuracy"]),
            "seconds": round(trial.duration.total_seconds()) if trial.duration else None,
            "values": {name: _rounded(value) for name, value in trial.params.items()},
        }
        for trial in study.trials
        if trial.intermediate_values
    ]
    record: dict[str, Any] = {"recipe": f"{FROZEN_UNTIL}, {VIEWS} kept views, {EPOCHS} epochs", "trials": trials}
    if any(trial["state"] == "complete" for trial in trials):
        record["best"] = {name: _rounded(value) for name, value in study.best_params.items()}
        record["best_loss"] = _rounded(study.best_value)
        ours = {name: _rounded(getattr(config, name)) for name in SPACE}
        if ours == record["best"] and (run / HISTORY_FILE).is_file():
            record["confirmed"] = min(json.loads((run / HISTORY_FILE).read_text()), key=_held_back_loss)
    path = run / "search" / "search.json"
    path.write_text(json.dumps(record, indent=1) + "\n")
    return path


def _held_back_loss(line: dict[str, float]) -> float:
    return line["held_back_loss"]


def _rounded(value: float) -> float:
    """Two significant digits are all that so few pictures can tell."""
    return float(f"{value:.2g}")
