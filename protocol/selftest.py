"""What a browser can do for a call, as `/selftest` found it and its person agreed to send.

Nothing in it names anybody: no picture, no sound, no address, no id. Two devices of one kind that can do the
same are one report.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import StringConstraints

from protocol.base import Millis, Wire

SELFTEST_KEPT_DAYS = 180
"""How long a report is kept: two seasons of browser versions, after which it says little of today's."""

PlainWord = Annotated[str, StringConstraints(max_length=60, pattern=r"^[A-Za-z0-9 .,:()/_+-]*$")]
"""A few words of a browser about itself or of a probe's result; nothing that a table or a page could take for
more than text. Empty where it tells nothing."""
SelftestOutcome = Literal["works", "fails", "untold", "untried"]
"""untold: this browser has no word for it. untried: nobody tapped, or it cannot be tried here."""


class SelftestFinding(Wire):
    """One probe: how it went, and what was measured or why not."""

    outcome: SelftestOutcome
    detail: PlainWord = ""


class SelftestFindings(Wire):
    """Every probe of the page, in its order."""

    secure: SelftestFinding
    """A secure context (https, or this machine itself), without which no browser lends a camera."""
    app: SelftestFinding
    """A browser of its own, and not the one inside another app, which `detail` names."""
    api: SelftestFinding
    """`getUserMedia` and `RTCPeerConnection` are there."""
    policy: SelftestFinding
    """The permissions policy allows camera and microphone."""
    codecs: SelftestFinding
    """An offer of this browser has VP8 and Opus."""
    socket: SelftestFinding
    """A WebSocket to this desk opened; `detail` has the milliseconds."""
    storage: SelftestFinding
    """What the page keeps in the browser is there again when it is read."""
    capture: SelftestFinding
    """`<input capture>`, the way to a picture without the camera API."""
    screen: SelftestFinding
    """`getDisplayMedia` is there and allowed."""
    camera: SelftestFinding
    """The camera opened, the rear one first; `detail` has measured size, frames a second and which one."""
    torch: SelftestFinding
    """The opened camera's light can be switched."""
    zoom: SelftestFinding
    """The opened camera can zoom; `detail` has from where to where."""
    microphone: SelftestFinding
    """The microphone opened and something was heard; `detail` has the loudest level in dBFS."""
    visibility: SelftestFinding
    """The page was told that it was hidden and shown again."""


class SelftestReport(Wire):
    """What is sent, all of it, as it was shown before."""

    kept_days: Literal[180]
    """What the page promised. A desk that keeps reports for another time refuses it."""
    browser: PlainWord
    platform: PlainWord
    model: PlainWord
    findings: SelftestFindings


class SelftestStored(Wire):
    """The report is stored. The same one again is the same row, kept on from today."""

    kept_until: Millis
