"""Where can people read the API? At /docs (Swagger UI) and /redoc; all of their files come from here.

The viewers themselves come with the package drf-spectacular-sidecar, of which nothing but the files is used.
"""

from importlib.util import find_spec
from pathlib import Path

from flask import Blueprint, Response, send_file
from werkzeug.exceptions import NotFound

_OURS = Path(__file__).parent / "static"
_ASSETS = ("docs.js", "page.css", "redoc.js")
_BUNDLED = (
    "swagger-ui-dist/swagger-ui.css",
    "swagger-ui-dist/swagger-ui-bundle.js",
    "redoc/bundles/redoc.standalone.js",
)
_ASSET_AGE_S = 24 * 60 * 60

_MAY_LOAD = (
    "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data: blob:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; style-src 'self'"
)
# Redoc writes two <style> elements, by their hashes: its scrollbars', and an empty one for what it adds by program.
_REDOCS_STYLES = (
    " 'sha256-QMIg+bpjm3JdElJ388KYke01izlUW0UoNOeKjpMxdgc=' 'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
)


def blueprint() -> Blueprint:
    """/docs, /redoc and what they load.

    Raises:
        RuntimeError: The viewers' files aren't installed.
    """
    viewers = Blueprint("viewers", __name__)
    assets, pages = _assets(), {name: (_OURS / f"{name}.html").read_text() for name in ("docs", "redoc")}

    @viewers.get("/docs")
    def docs() -> Response:
        return _page(pages["docs"], _MAY_LOAD)

    @viewers.get("/redoc")
    def redoc() -> Response:
        return _page(pages["redoc"], _MAY_LOAD + _REDOCS_STYLES)

    @viewers.get("/docs/assets/<name>")
    def asset(name: str) -> Response:
        if name not in assets:
            raise NotFound
        return send_file(assets[name], max_age=_ASSET_AGE_S)

    return viewers


def _assets() -> dict[str, Path]:
    package = find_spec("drf_spectacular_sidecar")  # importing it would import Django
    if package is None or not package.submodule_search_locations:
        raise RuntimeError("drf-spectacular-sidecar isn't installed: it brings the files of /docs and /redoc.")
    bundled = Path(package.submodule_search_locations[0]) / "static" / "drf_spectacular_sidecar"
    return {name: _OURS / name for name in _ASSETS} | {Path(name).name: bundled / name for name in _BUNDLED}


def _page(text: str, may_load: str) -> Response:
    page = Response(text, content_type="text/html; charset=utf-8")
    page.headers["Content-Security-Policy"] = may_load
    return page
