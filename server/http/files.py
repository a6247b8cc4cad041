"""The built front ends, read once at start: a name that is not among their files is not there."""

from __future__ import annotations

import base64
import functools
import gzip
import hashlib
import mimetypes
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from protocol.errors import ErrorCode, Refused

MAX_FILES = 2_000
"""Of one build: ten times what a build has; a wrong folder must not be read into memory."""
MAX_FILE_BYTES = 16_777_216
HASHED = re.compile(r"assets/.+-[A-Za-z0-9_-]{8,}\.[a-z0-9.]+")
"""Names that change with their content, as Vite makes them."""
FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
_TYPES = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_WORTH_GZIP = re.compile(r"text/|image/svg|application/(json|manifest)")


class BuildMissing(Exception):
    """A front end is not built. The one sentence says how to build it."""


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """One file with what is said of it."""

    content: bytes
    zipped: bytes | None
    media_type: str
    etag: str
    cache: str


class Build:
    """A front end's `dist` folder as it was at start."""

    def __init__(self, name: str, files: Mapping[str, BuiltFile]) -> None:
        self.name = name
        self._files = files

    @classmethod
    def read(cls, name: str, folder: Path, *, needs: str) -> Build:
        """Read `folder`. `needs` is the file without which it is no build. Raises `BuildMissing`."""
        if not (folder / needs).is_file():
            raise BuildMissing(
                f"The front end `{name}` is not built ({needs} is missing): "
                "run `./run python -m tools.frontends`."
            )
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        if len(paths) > MAX_FILES:
            raise BuildMissing(f"The front end `{name}` has more than {MAX_FILES} files: build it anew.")
        return cls(name, {path.relative_to(folder).as_posix(): _file(folder, path) for path in paths})

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(len(file.content) for file in self._files.values())

    def integrity(self, path: str) -> str:
        """What a file's bytes are told by in an `integrity` attribute (W3C Subresource Integrity)."""
        digest = hashlib.sha384(self._found(path).content).digest()
        return f"sha384-{base64.b64encode(digest).decode()}"

    def page(self, path: str) -> str:
        """A file's text, for a page with headers of its own. Raises `Refused(not_found)`."""
        return self._found(path).content.decode("utf-8")

    def serve(
        self, request: web.BaseRequest, path: str, headers: Mapping[str, str] | None = None
    ) -> web.Response:
        """The file at `path`, or that the browser has it already. Raises `Refused(not_found)`."""
        found = self._found(path)
        said = {
            "ETag": found.etag,
            "Cache-Control": found.cache,
            "Vary": "Accept-Encoding",
            **(headers or {}),
        }
        if found.etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=said)
        body = found.content
        if found.zipped is not None and "gzip" in request.headers.get("Accept-Encoding", ""):
            body = found.zipped
            said["Content-Encoding"] = "gzip"
        said["Content-Type"] = found.media_type
        return web.Response(body=body, headers=said)

    def _found(self, path: str) -> BuiltFile:
        found = self._files.get(path)
        if found is None:
            raise Refused(ErrorCode.not_found)
        return found


def _file(folder: Path, path: Path) -> BuiltFile:
    if path.stat().st_size > MAX_FILE_BYTES:
        raise BuildMissing(f"The built file {path.name} is larger than {MAX_FILE_BYTES} bytes.")
    content = path.read_bytes()
    media_type = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    zipped = None
    if _WORTH_GZIP.match(media_type):
        zipped = _zipped(content)
    if media_type.startswith("text/"):
        media_type += "; charset=utf-8"
    name = path.relative_to(folder).as_posix()
    return BuiltFile(
        content=content,
        zipped=zipped,
        media_type=media_type,
        etag=f'"{hashlib.sha256(content).hexdigest()[:32]}"',
        cache=FOR_EVER if HASHED.fullmatch(name) else ASK_AGAIN,
    )


@functools.lru_cache(MAX_FILES)
def _zipped(content: bytes) -> bytes | None:
    """Packed, where that is shorter. A node that starts again in one process packs nothing again."""
    # mtime 0: the same content has the same bytes on every node.
    zipped = gzip.compress(content, 9, mtime=0)
    return zipped if len(zipped) < len(content) else None
