"""How does a folder become a version that answers? Its signatures are read, its graphs opened, its records replayed."""

import logging
from dataclasses import dataclass
from pathlib import Path

from model.batching import Batcher
from model.batching_parameters import Parameters
from model.cache import converted
from model.engines import open_engine
from model.errors import LoadError
from model.metrics import Metrics
from model.precision import Precision, choose
from model.servable import Servable
from model.signatures import signature_defs
from model.warmup import WARMUP_FILE, warm_up

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Loader:
    """Makes versions that answer."""

    metrics: Metrics
    precision: Precision | None = None
    """What to compute in; None: what the card and the processor allow."""
    streams: int = 1
    """Calls computed side by side when they meet."""
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
        choice = choose(self.precision, folder)
        _log.info("%s version %s: %s, because %s", name, folder.name, choice.precision, choice.why)
        engine = open_engine(folder, converted(folder), signatures, choice, self.streams)
        if self.batching:
            engine = Batcher(engine, self.batching)
        servable = Servable(name, int(folder.name), signatures, engine)
        replayed = later = 0
        if self.warmup_iterations:
            try:
                replayed, later = warm_up(servable, folder / "assets.extra" / WARMUP_FILE, self.warmup_iterations)
            except LoadError:
                servable.close()
                raise
        computes = ", ".join(f"{signature} in {servable.precision_of(signature)}" for signature in sorted(signatures))
        left = f", {later} left to the first call" if later else ""
        _log.info("%s version %d computes %s; %d warm-up records%s", name, servable.version, computes, replayed, left)
        return servable
