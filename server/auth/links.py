"""Addresses of files: signed for one session and one file, for minutes.

The signature says who may try; whether he may still see the file is asked again at each request.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from typing import Literal

from protocol.errors import ErrorCode, Refused

LINK_MS = 5 * 60_000
"""A page asks anew when it needs pictures; an address in a chat or a log is soon worth nothing."""
_PURPOSE = b"livedesk: addresses of files"
_SIGNATURE = re.compile(r"[A-Za-z0-9_-]{43}")

Audience = Literal["buyer", "agent"]


@dataclass(frozen=True, slots=True)
class Viewer:
    """The session to which a file is shown."""

    audience: Audience
    session_id: str


class Links:
    """Signs addresses with the database's own secret."""

    def __init__(self, database_secret: str) -> None:
        self._key = hmac.digest(database_secret.encode(), _PURPOSE, "sha256")

    def address(self, viewer: Viewer, file_id: str, expires_at: int) -> str:
        """The path and query at which `viewer` sees the file until `expires_at` (epoch ms)."""
        signature = self._sign(viewer, file_id, expires_at)
        return (
            f"/files/{file_id}?for={viewer.audience}&session={viewer.session_id}"
            f"&until={expires_at}&signature={signature}"
        )

    def open(
        self, file_id: str, audience: str, session_id: str, until: str, signature: str, *, now: int
    ) -> Viewer:
        """The viewer of an address. Raises `Refused(not_found)` for a changed and for an old one alike."""
        if audience not in ("buyer", "agent") or not re.fullmatch(r"[0-9]{1,16}", until):
            raise Refused(ErrorCode.not_found)
        viewer = Viewer("buyer" if audience == "buyer" else "agent", session_id)
        expected = self._sign(viewer, file_id, int(until))
        if not _SIGNATURE.fullmatch(signature) or not hmac.compare_digest(signature, expected):
            raise Refused(ErrorCode.not_found)
        if int(until) <= now:
            raise Refused(ErrorCode.not_found)
        return viewer

    def _sign(self, viewer: Viewer, file_id: str, expires_at: int) -> str:
        said = "\n".join((viewer.audience, viewer.session_id, file_id, str(expires_at)))
        return urlsafe_b64encode(hmac.digest(self._key, said.encode(), "sha256")).rstrip(b"=").decode()
