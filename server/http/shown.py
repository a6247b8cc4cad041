"""Shows files at signed addresses: who asks is looked up at every request, and ranges are served.

A long answer is sent in parts, and who asks is looked up again on its way: a right that ends, ends it.
A changed, old or foreign address, a session that is over and a file that is not there get the same answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from aiohttp import web

from protocol.errors import ErrorCode, Refused
from server import rates
from server.auth.links import Links, Viewer
from server.http.door import ASKER, ID
from server.rates import Rates, address_key
from server.storage.calls.recordings import RecordingFile
from server.storage.files import FileRecord
from signaling.ports import Actor

_HEADERS = {
    # Asked again each time, and answered 304 where it is the same: what may be seen can change.
    "Cache-Control": "private, no-cache",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Accept-Ranges": "bytes",
}
PART_BYTES = 1024 * 1024
"""What of an answer is in memory at once."""
ASKED_AGAIN_BYTES = 8 * PART_BYTES
"""After so much of one answer it is looked up again whether he may see the rest: a minute of good picture."""
_SUFFIXES = {"image/jpeg": "jpg", "video/webm": "webm", "video/mp4": "mp4", "application/json": "json"}
_SAID = ("for", "session", "until", "signature")
MAX_SAID = 128
"""Characters of one part of an address's query; the longest, an id, has 64."""


class Sight(Protocol):
    """What of files a person may see, and their bytes."""

    async def show(self, viewer: Actor, file_id: str) -> FileRecord | RecordingFile: ...
    async def read(self, file: FileRecord | RecordingFile, start: int, end: int) -> bytes: ...


class Viewers(Protocol):
    """Who stands behind a session now. Raises `Refused` where it is over."""

    async def behind(self, viewer: Viewer) -> Actor: ...


class Shown:
    """`GET /files/{file_id}`."""

    def __init__(
        self, links: Links, viewers: Viewers, sight: Sight, counter: Rates, clock: Callable[[], int]
    ) -> None:
        self._links = links
        self._viewers = viewers
        self._sight = sight
        self._counter = counter
        self._clock = clock

    def add_to(self, app: web.Application) -> None:
        """Adds the route; HEAD comes with GET."""
        app.router.add_get("/files/{file_id}", self._show)

    async def _show(self, request: web.Request) -> web.StreamResponse:
        await self._counter.spend(rates.API_ADDRESS, address_key(request[ASKER].address))
        now = self._clock()
        file = await self._file(request, now)
        etag = f'"{file.sha256}"'
        headers = _HEADERS | {
            "ETag": etag,
            "Content-Type": file.media_type,
            "Content-Disposition": f'attachment; filename="{file.id}.{_SUFFIXES[file.media_type]}"',
        }
        if etag in request.headers.get("If-None-Match", ""):
            return web.Response(status=304, headers=headers)
        start, end = _range(request, file.size)
        if start >= end:
            headers["Content-Range"] = f"bytes */{file.size}"
            return web.Response(status=416, headers=headers)
        status = 200
        if (start, end) != (0, file.size):
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{file.size}"
        if end - start <= PART_BYTES:
            body = await self._sight.read(file, start, end)
            return web.Response(body=body, status=status, headers=headers)
        return await self._in_parts(request, file, start, end, status, headers, now)

    async def _in_parts(
        self,
        request: web.Request,
        file: FileRecord | RecordingFile,
        start: int,
        end: int,
        status: int,
        headers: dict[str, str],
        asked_ms: int,
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=status, headers=headers)
        response.content_length = end - start
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        asked_at = start
        try:
            for place in range(start, end, PART_BYTES):
                if place - asked_at >= ASKED_AGAIN_BYTES:
                    await self._file(request, asked_ms)
                    asked_at = place
                await response.write(await self._sight.read(file, place, min(end, place + PART_BYTES)))
        except Refused:
            # The head is sent: that the rest does not come is all that can be said.
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _file(self, request: web.Request, now: int) -> FileRecord | RecordingFile:
        """The file, if the address was good at `now` and he may see it still."""
        file_id = request.match_info["file_id"]
        said = [request.query.get(name, "") for name in _SAID]
        if not ID.fullmatch(file_id) or any(len(part) > MAX_SAID for part in said):
            raise Refused(ErrorCode.not_found)
        try:
            viewer = self._links.open(file_id, *said, now=now)
            return await self._sight.show(await self._viewers.behind(viewer), file_id)
        except Refused as refusal:
            if refusal.code is ErrorCode.retry:
                raise
            raise Refused(ErrorCode.not_found) from None


def _range(request: web.Request, size: int) -> tuple[int, int]:
    """The bytes that are asked for; the whole where the header is none (RFC 9110, section 14.2)."""
    try:
        asked = request.http_range
    except ValueError:
        return 0, size
    start, end = asked.start, asked.stop
    if start is None:
        return 0, size
    if start < 0:
        return max(0, size + start), size
    return start, min(size, end if end is not None else size)
