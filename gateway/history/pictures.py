"""Where are thumbnails kept? In a folder or a bucket, under the SHA-256 of their bytes.

One that is used often lies there once, and is deleted with the last prediction that uses it.

One thread a process keeps and deletes them, so that a bucket that doesn't answer delays nobody for long.
"""

import hashlib
import logging
import os
import queue
import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Protocol

from PIL import Image

SIDE_PIXELS = 512
"""Longest side of a thumbnail: enough to see it, and to train on."""
QUALITY = 85
WAIT_S = 0.25
"""How long a request waits for its picture to be kept, or deleted, in seconds."""
_CONNECT_S, _READ_S = 2, 5
_WAITING = 64
_MAX_BYTES = 4 * 2**20
_KEY = re.compile(r"[0-9a-f]{64}")

_log = logging.getLogger(__name__)


def thumbnail(image: Image.Image) -> tuple[str, bytes]:
    """A picture, small, as JPEG without anything but its pixels; its SHA-256 and its bytes.

    Args:
        image: RGB, upright.
    """
    small = image.copy()
    small.thumbnail((SIDE_PIXELS, SIDE_PIXELS))
    small.info = {}  # a comment or a colour profile would be written along
    out = BytesIO()
    small.save(out, "JPEG", quality=QUALITY)
    return hashlib.sha256(out.getvalue()).hexdigest(), out.getvalue()


class Place(Protocol):
    """Where pictures lie, by their key."""

    def put(self, key: str, picture: bytes) -> None:
        """Write one; one that is there already is the same."""

    def get(self, key: str) -> bytes | None:
        """Read one; None if there is none."""

    def delete(self, key: str) -> None:
        """Delete one, if it is there."""

    def listed(self) -> Iterator[tuple[str, datetime]]:
        """Every key, and when its picture was written."""


class Folder:
    """Pictures in files, below folders of the first two digits of their keys."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def _path(self, key: str) -> Path:
        return self._root / key[:2] / f"{key}.jpg"

    def put(self, key: str, picture: bytes) -> None:
        """Write one, whole or not at all."""
        path = self._path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{key}.{os.getpid()}.{threading.get_ident()}")
        try:
            new.write_bytes(picture)
            new.replace(path)
        finally:
            new.unlink(missing_ok=True)

    def get(self, key: str) -> bytes | None:
        """Read one."""
        try:
            return self._path(key).read_bytes()
        except FileNotFoundError:
            return None

    def delete(self, key: str) -> None:
        """Delete one."""
        self._path(key).unlink(missing_ok=True)

    def listed(self) -> Iterator[tuple[str, datetime]]:
        """Every key, and when it was written."""
        for path in self._root.glob("??/*.jpg"):
            with suppress(FileNotFoundError):
                yield path.stem, datetime.fromtimestamp(path.stat().st_mtime, UTC)


class Bucket:
    """Pictures in a bucket of S3, or of what speaks its protocol; boto3 finds credentials and endpoint by itself."""

    def __init__(self, name: str, prefix: str) -> None:
        import boto3  # 10 MB, which who keeps no pictures doesn't need
        from botocore.config import Config

        config = Config(connect_timeout=_CONNECT_S, read_timeout=_READ_S, retries={"total_max_attempts": 2})
        self._client: Any = boto3.client("s3", config=config)
        self._name, self._prefix = name, f"{prefix.strip('/')}/".lstrip("/")

    def _object(self, key: str) -> dict[str, str]:
        return {"Bucket": self._name, "Key": f"{self._prefix}{key}.jpg"}

    def put(self, key: str, picture: bytes) -> None:
        """Write one."""
        self._client.put_object(**self._object(key), Body=picture, ContentType="image/jpeg")

    def get(self, key: str) -> bytes | None:
        """Read one."""
        try:
            found: bytes = self._client.get_object(**self._object(key))["Body"].read(_MAX_BYTES)
        except self._client.exceptions.NoSuchKey:
            return None
        return found

    def delete(self, key: str) -> None:
        """Delete one."""
        self._client.delete_object(**self._object(key))

    def listed(self) -> Iterator[tuple[str, datetime]]:
        """Every key, and when it was written."""
        pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=self._prefix)
        for page in pages:
            for found in page.get("Contents", ()):
                yield found["Key"].removeprefix(self._prefix).removesuffix(".jpg"), found["LastModified"]


class Pictures:
    """Keeps thumbnails; one for a process, made after the fork.

    Args:
        place: Where they lie.
        used: Whether a prediction uses a key.
    """

    def __init__(self, place: Place, used: Callable[[str], bool]) -> None:
        self._place, self._used = place, used
        self._queue: queue.Queue[tuple[Callable[[], None], Future[None]] | None] = queue.Queue(_WAITING)
        self._thread = threading.Thread(target=self._run, name="pictures", daemon=True)
        self._thread.start()

    @staticmethod
    def at(keep: str, folder: Path, used: Callable[[str], bool]) -> "Pictures | None":
        """What the setting asks for: off, on (in the folder), or s3://BUCKET/PREFIX."""
        if keep == "off":
            return None
        bucket, _, prefix = keep.removeprefix("s3://").partition("/")
        return Pictures(Folder(folder) if keep == "on" else Bucket(bucket, prefix), used)

    def keep(self, key: str, picture: bytes) -> None:
        """Keep a picture; it may take a moment longer than this call. One that can't be kept is a line in the log."""
        self._do(lambda: self._place.put(key, picture), WAIT_S)

    def get(self, key: str) -> bytes | None:
        """The picture of that key; None if there is none.

        Raises:
            Exception: Where they lie doesn't answer.
        """
        return self._place.get(key)

    def drop(self, keys: set[str], wait_s: float = WAIT_S) -> None:
        """Delete those pictures that no prediction uses any more, and wait for it a little."""
        if keys:
            self._do(lambda: self._drop(keys), wait_s)

    def sweep(self, before: datetime) -> None:
        """Delete every picture that was written before a moment and that no prediction uses; it may take a while."""
        self._do(lambda: self.swept(before), WAIT_S)

    def swept(self, before: datetime) -> None:
        """Do so now."""
        for key, written in self._place.listed():
            if written < before and _KEY.fullmatch(key):
                self._drop({key})

    def close(self) -> None:
        """End the thread, after what was asked for."""
        with suppress(queue.Full):
            self._queue.put_nowait(None)
            self._thread.join(_READ_S)

    def _do(self, job: Callable[[], None], wait_s: float) -> None:
        done: Future[None] = Future()
        try:
            self._queue.put_nowait((job, done))
            done.result(wait_s)
        except queue.Full:
            _log.error("A picture isn't kept or deleted: too many wait.")
        except TimeoutError:
            pass  # it is done when its turn comes

    def _run(self) -> None:
        while (asked := self._queue.get()) is not None:
            job, done = asked
            try:
                job()
            except Exception as error:  # a bucket fails in many ways
                _log.error("A picture can't be kept or deleted.", extra={"fields": {"detail": str(error)[:300]}})
            done.set_result(None)

    def _drop(self, keys: set[str]) -> None:
        for key in keys:
            if self._used(key):
                continue
            picture = self._place.get(key)
            self._place.delete(key)
            if picture is not None and self._used(key):
                self._place.put(key, picture)  # a prediction came meanwhile
