"""What is a training run? One `Config`, written in a Python file of its own."""

import runpy
from dataclasses import dataclass
from pathlib import Path

from gateway.preprocessing import Resize, Scaling
from trainer.errors import TrainerError

_CONFIGS = Path(__file__).parent / "configs"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every value that decides what a run makes. The same values, pictures and weights make the same model."""

    # === Model ===
    name: str
    """Name of the served model, and of its folder."""
    version: int
    """Version of the served model; changing what the pictures' path computes needs a new one."""
    input_size: tuple[int, int]
    """(height, width) of the network's input, in pixels."""
    resize: Resize
    """How a picture is brought to that size, in training as in service."""
    preprocessing: Scaling = "tf"
    """How the float32 signature wants its pixels; InceptionV3's weights want [-1, 1]."""
    dropout: float = 0.4
    """Share of the pooled features that one training step leaves out, 0 to 1."""

    # === Data ===
    held_back: float = 0.1
    """Share of the training pictures that is never trained on and picks the epoch and the threshold, 0 to 1."""
    held_back_pictures: Path | None = None
    """A CSV of exactly the training pictures (`image_ID`) to hold back; without it they're drawn. A list stays the same
    on every processor; what is drawn depends on which pictures look alike to the network, in the last digit."""
    nearest_cosine: float = 0.95
    """Pictures whose pooled features have at least this cosine are near duplicates, and stay on one side."""
    left_out: Path | None = None
    """A CSV of training pictures (`image_ID`) that aren't trained on, because their labels are wrong."""
    judged: Path | None = None
    """A CSV of pictures (`image_ID`) that an evaluation got wrong, and what somebody says of them (`judgement`)."""
    balance: float = 1.0
    """How even the classes are drawn: 0 as often as the data has them, 1 all alike."""
    outlier_share: float = 0.25
    """Share of a batch that are outliers, pictures of none of the classes, where the run has some, 0 to 1."""
    outliers_not_used: tuple[str, ...] = ()
    """Classes of the outliers' data set that show one of the run's own classes after all."""
    smallest_crop: float = 0.4
    """Smallest area of an augmented view, as a share of the picture, 0 to 1."""
    smallest_outlier_crop: float = 0.2
    """The same for outliers: close-ups of what else there is are none of the classes either."""
    shrunk: float = 0.5
    """Share of the views of pictures that are first made smaller, so that sharpness is no cue for a class, 0 to 1."""
    stretch: float = 1.5
    """How much an augmented view may be squeezed, across or down; 1 keeps the proportions."""
    operations: int = 2
    """How many operations (RandAugment's: light, colours, turns, shears) change an augmented view."""
    degraded: float = 0.3
    """Share of the augmented views that are compressed, blurred or made small, 0 to 1."""
    blanked: float = 0.3
    """Share of the augmented views of which some cells are blanked, 0 to 1."""
    seed: int = 0

    # === Optimizer ===
    frozen_until: str = "mixed7"
    """The last frozen block of the backbone; those after it are trained."""
    batch_size: int = 32
    epochs: int = 24
    """Epochs at most, and the length of the learning rate's cosine."""
    calm_epochs: int = 0
    """Epochs after those, on views that are only shrunk, cut out and mirrored, as pictures are in service; without
    mixup and label smoothing, which have a network say "sure enough" and no more, however much speaks for a class."""
    calm_share: float = 0.25
    """Share of the learning rates that the calm epochs begin with; they end at zero."""
    patience: int = 6
    """Epochs without a better loss on the held-back pictures after which a run stops."""
    learning_rate: float = 3e-4
    """Highest learning rate: reached after the first epoch, zero after the last."""
    head_learning_rate: float = 3e-3
    """Learning rate of the new head, whose weights start from noise."""
    weight_decay: float = 1e-4
    label_smoothing: float = 0.1
    mixup: float = 0.2
    """Alpha of mixup's beta distribution (arXiv 1710.09412), on the kept features; 0 switches it off."""
    average: float = 0.995
    """Decay of the weights' moving average, a step; the average is what is evaluated and kept."""

    # === Not sure ===
    known_score: str = "max_probability"
    """Which score tells the classes' pictures from others: one of `trainer.known`'s."""

    # === About ===
    data: str = ""
    """Where the pictures come from, for the card."""
    base_weights: str = ""
    """Where the backbone's weights come from, for the card."""
    intended_use: str = ""
    """What the model is for, and what not, for the card."""
    limits: str = ""
    """What it can't do, for the card."""
    licence: str = ""
    """What is known about the rights in pictures and weights, for the card."""


def load_config(config: str) -> Config:
    """The `config` of a file, or of `trainer/configs/NAME.py`.

    Raises:
        TrainerError: There is no such file, or it defines no `config`.
    """
    path = Path(config) if config.endswith(".py") else _CONFIGS / f"{config}.py"
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in _CONFIGS.glob("[!_]*.py")))
        raise TrainerError(f"There is no configuration {config}. Known by name: {known}.")
    loaded = runpy.run_path(str(path)).get("config")
    if not isinstance(loaded, Config):
        raise TrainerError(f"{path} doesn't define `config = Config(...)`.")
    return loaded
