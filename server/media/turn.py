"""Credentials for a TURN server: good for one participant of one call, for no longer than a call is long.

The scheme is the one that coturn calls `use-auth-secret` (draft-uberti-behave-turn-rest): the user name is
the moment of its end and a name, the password an HMAC of it under a secret that only the two servers know.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence

from protocol import call as wire

GOOD_FOR_S = 4 * 3600
"""The longest call that is recorded, too. A relay in use is not cut off at the end, only not given anew."""


class Turn:
    """The TURN servers of the settings."""

    def __init__(self, urls: Sequence[str], secret: str) -> None:
        self._urls = list(urls)
        self._secret = secret.encode()

    def servers(self, participant_id: str, now: int) -> list[wire.IceServer]:
        """What a participant's browser is given (RTCIceServer); `now` in epoch ms."""
        username = f"{now // 1000 + GOOD_FOR_S}:{participant_id}"
        # SHA-1 is what TURN servers of this scheme compute; as an HMAC it is not broken.
        digest = hmac.digest(self._secret, username.encode(), "sha1")
        password = base64.b64encode(digest).decode()
        return [wire.IceServer(urls=self._urls, username=username, credential=password)]
