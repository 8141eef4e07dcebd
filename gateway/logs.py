"""What does a log line look like? One JSON object, and one line a request."""

import datetime
import json
import logging
from typing import Any

from gunicorn.glogging import Logger as GunicornLogger


class JsonFormatter(logging.Formatter):
    """A record as a JSON object: time, level, logger, message, and the `fields` that were given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.datetime.fromtimestamp(record.created, datetime.UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure() -> None:
    """Write everything from INFO on to the standard error, as JSON."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)


class ServerLogger(GunicornLogger):  # type: ignore[misc]
    """gunicorn's own lines, in the same form and place."""

    def setup(self, cfg: Any) -> None:
        """Hand them to the root logger."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
