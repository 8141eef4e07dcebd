"""Are metrics shown, and where? As a text-format `MonitoringConfig` says."""

from pathlib import Path

from model.text_protos import BOOL, STRING, message_class, read_text

_MonitoringConfig = message_class("MonitoringConfig", {"prometheus_config": {"enable": BOOL, "path": STRING}})


def metrics_path(path: Path) -> str | None:
    """Where the metrics' page is, empty for its usual place; None: there is none.

    Raises:
        ConfigError: The file can't be read.
    """
    prometheus = read_text(path, _MonitoringConfig(), "MonitoringConfig").prometheus_config
    return str(prometheus.path) if prometheus.enable else None
