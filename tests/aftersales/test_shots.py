"""The pictures that an agent asks for where the product has no list of its own."""

from __future__ import annotations

import re
from pathlib import Path

from aftersales.shots import closer, usual

WORDS = Path(__file__).parents[2] / "widget" / "src" / "capture" / "words.ts"


def test_the_buyers_page_knows_each_by_its_label() -> None:
    known = set(re.findall(r"^  \['(.+)', '\w+'\],$", WORDS.read_text("utf-8"), re.MULTILINE))
    assert known == {shot.label for locale in ("zh-CN", "en") for shot in (*usual(locale), closer(locale))}
