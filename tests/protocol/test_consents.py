"""What people agreed to can be read word for word for as long as a consent names it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from typing import get_args

import pytest
from pydantic import ValidationError

from protocol.base import Locale
from protocol.call import GiveConsent
from protocol.consents import CONSENTS, SHOWN, ConsentText

AGREED_TO = {
    "caller-2026-11": "cbf97c92016310b3516a992f30f225d9844d790bc450c9f0d94e86cc2856e72c",
    "agent-2026-11": "740cc2516f1338ffc590aace2f59543a593a800c0117ee5b6328856fb6f4fda0",
}
"""SHA-256 of each text in all its languages. Whoever changes a text gives it another name and adds a line
here; no line is changed or taken away."""


def digest(name: ConsentText) -> str:
    texts = {locale: asdict(words) for locale, words in CONSENTS[name].items()}
    return hashlib.sha256(json.dumps(texts, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def test_no_text_changes_under_its_name() -> None:
    assert {name: digest(name) for name in CONSENTS} == AGREED_TO


def test_every_text_is_there_in_every_language_and_can_be_named() -> None:
    assert set(get_args(ConsentText)) == set(CONSENTS)
    assert all(set(texts) == set(get_args(Locale)) for texts in CONSENTS.values())
    assert set(SHOWN.values()) <= set(CONSENTS)


def test_a_consent_to_a_text_that_nobody_knows_is_refused() -> None:
    said = {"call_id": "call-1", "granted": True, "locale": "zh-CN"}
    GiveConsent.model_validate(said | {"text_version": SHOWN["caller"]})
    with pytest.raises(ValidationError):
        GiveConsent.model_validate(said | {"text_version": "caller-1999-01"})
