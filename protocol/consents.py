"""What people are asked before they are recorded, word for word.

A consent names the text that was shown (`call.consent`, `recording.json`), so a text never changes: another
wording is another name, and the old one stays here for the consents that name it. A test holds every text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from protocol.base import Locale

ConsentText = Literal["caller-2026-11", "agent-2026-11"]
"""A text about recording that is or was shown."""


@dataclass(frozen=True, slots=True)
class ConsentWords:
    """The question, what is promised with it, and the two answers to choose from."""

    ask: str
    promise: str
    grant: str
    refuse: str


CONSENTS: Mapping[ConsentText, Mapping[Locale, ConsentWords]] = {
    "caller-2026-11": {
        "zh-CN": ConsentWords(
            ask="可以录下这次通话吗？",
            promise="录像只用于处理这次售后，随时可以停止。不同意也能继续通话。",
            grant="同意录制",
            refuse="不录制",
        ),
        "en": ConsentWords(
            ask="May we record this call?",
            promise="The recording only serves this claim, and you can stop it at any time. "
            "The call goes on either way.",
            grant="Record",
            refuse="Do not record",
        ),
    },
    "agent-2026-11": {
        "zh-CN": ConsentWords(
            ask="要录制这次通话吗？",
            promise="双方都同意才会录制，存到本会话供售后核实；拒绝不影响通话，随时可以停止。",
            grant="同意录制",
            refuse="不录制",
        ),
        "en": ConsentWords(
            ask="Record this call?",
            promise="It is recorded only when both sides agree, and kept with this conversation. "
            "The call goes on either way, and recording can be stopped at any time.",
            grant="Agree to recording",
            refuse="Do not record",
        ),
    },
}
"""Every text that somebody may have agreed to."""

SHOWN: Mapping[Literal["caller", "agent"], ConsentText] = {
    "caller": "caller-2026-11",
    "agent": "agent-2026-11",
}
"""The one that is shown today: to buyers and guests, and in the console."""
