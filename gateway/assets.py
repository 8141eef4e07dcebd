"""Files that pages load: read once, packed once, and asked for again only when they changed."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

from flask import Request, Response

_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".jpg": "image/jpeg",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webp": "image/webp",
}
_YEAR_S = 365 * 24 * 60 * 60
_ALREADY_PACKED = {".jpg", ".webp"}


@dataclass(frozen=True)
class Asset:
    """A file, as it is and packed with gzip."""

    content: bytes
    content_type: str
    packed: bytes | None
    etag: str

    @classmethod
    def of(cls, content: bytes, suffix: str) -> "Asset":
        """Those bytes, of the kind that a file's suffix says."""
        packed = None if suffix in _ALREADY_PACKED else gzip.compress(content, mtime=0)
        return cls(content, _TYPES[suffix], packed, hashlib.sha256(content).hexdigest()[:16])

    def answer(self, request: Request, *, for_ever: bool = False) -> Response:
        """The file, or 304 where the caller has it already.

        Args:
            request: Says what the caller has, and can unpack.
            for_ever: Under this address it never changes; else a release may change it, and callers ask each time.
        """
        if self.packed is not None and request.accept_encodings.quality("gzip") > 0:
            response = Response(self.packed, content_type=self.content_type)
            response.headers["Content-Encoding"] = "gzip"
        else:
            response = Response(self.content, content_type=self.content_type)
        if self.packed is not None:
            response.vary.add("Accept-Encoding")
        response.set_etag(self.etag, weak=True)  # one for both forms
        response.headers["Cache-Control"] = f"max-age={_YEAR_S}, immutable" if for_ever else "no-cache"
        response.make_conditional(request)
        return response


def version(files: dict[str, Asset]) -> str:
    """A name for exactly these files."""
    return hashlib.sha256("".join(f"{name} {file.etag} " for name, file in files.items()).encode()).hexdigest()[:12]


def read(folder: Path) -> dict[str, Asset]:
    """A folder's files by name."""
    return {path.name: Asset.of(path.read_bytes(), path.suffix) for path in sorted(folder.iterdir())}
