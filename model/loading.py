"""How does a folder become a version that answers? Its signatures are read, its graphs opened, its records replayed."""

import json
import logging
from dataclasses import dataclass
from pathlib import Path

from model.batching import Batcher
from model.batching_parameters import Parameters
from model.cache import converted
from model.engine import Precision, supports
from model.engines import open_engine
from model.errors import LoadError
from model.metrics import Metrics
from model.servable import Servable
from model.signatures import signature_defs
from model.warmup import WARMUP_FILE, warm_up

CARD_FILE = "card.json"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loader:
    """Makes versions that answer."""

    metrics: Metrics
    precision: Precision | None = None
    """What to compute in; None: what the card and the processor allow."""
    streams: int = 1
    """Calls computed side by side."""
    batching: Parameters | None = None
    """How calls are joined; None: they aren't."""
    warmup_iterations: int = 1
    """How often recorded requests are replayed; 0: not at all."""

    def __call__(self, name: str, folder: Path) -> Servable:
        """The version in the folder, whose name is its number.

        Raises:
            LoadError: It can't be served.
        """
        try:
            servable = self._opened(name, folder)
        except Exception:
            self.metrics.load(str(folder), False)
            raise
        self.metrics.load(str(folder), True)
        return servable

    def _opened(self, name: str, folder: Path) -> Servable:
        signatures = signature_defs(folder)
        precision = self.precision or _best_precision(folder)
        engine = open_engine(folder, converted(folder), signatures, precision, self.streams)
        if self.batching:
            engine = Batcher(engine, self.batching)
        servable = Servable(name, int(folder.name), signatures, engine)
        replayed = 0
        if self.warmup_iterations:
            try:
                replayed = warm_up(servable, folder / "assets.extra" / WARMUP_FILE, self.warmup_iterations)
            except LoadError:
                servable.close()
                raise
        computes_in = servable.precision
        _log.info("%s version %d computes in %s, %d warm-up records", name, servable.version, computes_in, replayed)
        return servable


def _best_precision(folder: Path) -> Precision:
    """bfloat16 where the card has a threshold for it and the processor has the instructions, else float32."""
    try:
        card = json.loads((folder / "assets.extra" / CARD_FILE).read_bytes())
        allowed = "bfloat16" in card["known_threshold"]
    except FileNotFoundError:
        return "float32"
    except (OSError, ValueError, KeyError, TypeError) as error:
        _log.warning("%s: its card can't be read (%s); computing in float32", folder, error)
        return "float32"
    return "bfloat16" if allowed and supports("bfloat16") else "float32"
