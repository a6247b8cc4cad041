"""Credentials for a relay: coturn's scheme, with a known example, for one participant and a time."""

from __future__ import annotations

import base64
import hashlib
import hmac

from server.media.turn import GOOD_FOR_S, Turn


def test_a_password_is_the_hmac_of_the_name_which_says_until_when_and_for_whom() -> None:
    (server,) = Turn(["turn:turn.example"], "north").servers("p1", 1_790_000_000_123)
    until, _, who = server.username.partition(":")
    assert (int(until), who) == (1_790_000_000 + GOOD_FOR_S, "p1")
    expected = hmac.new(b"north", server.username.encode(), hashlib.sha1).digest()
    assert base64.b64decode(server.credential) == expected
    assert server.urls == ["turn:turn.example"]
