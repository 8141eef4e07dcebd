"""Whose pages may read the answers? Nobody's but our own, unless the operator names their origins."""

import re

from flask import Flask
from flask_cors import CORS

EXPOSED_HEADERS = (
    *("Location", "Retry-After", "Server-Timing"),
    *("X-Confidence", "X-Confident", "X-Model", "X-Prediction-Id", "X-Request-Id"),
)
ALLOWED_HEADERS = ("Accept", "Content-Type", "X-Request-Id", "X-Request-Timeout-Ms")
_PREFLIGHT_AGE_S = 600


def install(app: Flask, origins: tuple[str, ...]) -> None:
    """Answer pages of those origins, and their preflight requests; credentials are never allowed.

    Args:
        app: The application.
        origins: Scheme, host and port each, or `*`; none: nothing is installed.
    """
    if origins:
        CORS(
            app,
            origins="*" if "*" in origins else [re.compile(re.escape(origin) + r"\Z") for origin in origins],
            methods=["GET", "HEAD", "POST", "PATCH", "DELETE"],
            allow_headers=ALLOWED_HEADERS,
            expose_headers=EXPOSED_HEADERS,
            max_age=_PREFLIGHT_AGE_S,
            supports_credentials=False,
            always_send=False,
        )
