"""Pictures for a first try, which the project drew itself; and the same ones small, to choose from."""

from functools import cache
from io import BytesIO
from pathlib import Path

from flask import Blueprint, Response, jsonify, request
from PIL import Image
from werkzeug.exceptions import NotFound

from gateway.assets import Asset

FOLDER = Path(__file__).resolve().parent.parent / "samples"
SMALL_PIXELS = (240, 180)


def blueprint(folder: Path = FOLDER) -> Blueprint:
    """/samples, which names them, and the pictures; where the folder is missing there are none."""
    samples = Blueprint("samples", __name__)
    paths = {path.name: path for path in sorted(folder.glob("*.jpg"))}

    @cache
    def picture(name: str) -> Asset:
        return Asset.of(paths[name].read_bytes(), ".jpg")

    @cache
    def small(name: str) -> Asset:
        return Asset.of(_small(paths[name]), ".webp")

    @samples.get("/samples")
    def listed() -> Response:
        return jsonify(samples=list(paths))

    @samples.get("/samples/<name>")
    def sample(name: str) -> Response:
        return picture(_known(name)).answer(request)

    @samples.get("/samples/<name>/small")
    def thumbnail(name: str) -> Response:
        return small(_known(name)).answer(request)

    def _known(name: str) -> str:
        if name not in paths:
            raise NotFound
        return name

    return samples


def _small(path: Path) -> bytes:
    out = BytesIO()
    with Image.open(path) as image:
        image.thumbnail(SMALL_PIXELS)
        image.save(out, "WEBP", quality=70)
    return out.getvalue()
