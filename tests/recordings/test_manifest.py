"""The records of a journal and what they add up to."""

import dataclasses
import json
import typing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recordings import manifest
from recordings.manifest import (
    SENTENCES,
    Begun,
    Consent,
    Consented,
    Ended,
    Gap,
    Pause,
    Paused,
    Resumed,
    Segment,
    TrackClock,
    Written,
)

BEGUN = Begun("rec-1", "call-1", "boot-1", 5_000_000, 1_795_000_000_000)
CONSENT = Consented(0, Consent("buyer", "b-17", "2026-11", "zh-CN", 1_795_000_000_000))


def segment(participant: str, number: int) -> Segment:
    gap = Gap("video", 100, 300, "lost", 5)
    written = Written(
        participant, number, f"{participant}-{number:04}.webm", 0, 900, 20, 45, True, (gap,),
        TrackClock(-1.5, 4.0e12), None,
    )  # fmt: skip
    return Segment(written, 1000, "ab" * 32)


@given(st.sampled_from([BEGUN, CONSENT, segment("buyer", 1), Paused(5, None, "unasked"), Ended(9, "killed")]))
def test_a_record_is_read_back_as_it_was_written(record: manifest.Record) -> None:
    line = manifest.encode(record)
    assert line.count(b"\n") == 1
    assert manifest.decode(line) == record


@given(st.from_type(Consent), st.integers(0, 10**6))
def test_any_words_fit_into_a_line(consent: Consent, at_ms: int) -> None:
    record = Consented(at_ms, consent)
    try:
        line = manifest.encode(record)
    except UnicodeEncodeError:
        return  # half a surrogate pair is no text
    assert line.count(b"\n") == 1
    assert manifest.decode(line) == record


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("record", "rumour"), ("at_ms", "5"), ("at_ms", 5.5), ("at_ms", True), ("code", "bored"), ("more", 1),
        ("at_ms", None),
    ],
)  # fmt: skip
def test_what_is_no_record_is_refused(field: str, value: object) -> None:
    whole = json.loads(manifest.encode(Ended(9, "killed")))
    with pytest.raises(manifest.Damaged):
        manifest.decode(json.dumps(whole | {field: value}).encode())


@given(
    st.binary(max_size=60)
    | st.recursive(st.none() | st.integers(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_any_other_line_is_damaged_and_nothing_else(line: bytes) -> None:
    with pytest.raises(manifest.Damaged):
        manifest.decode(line)


def test_records_add_up_to_a_manifest() -> None:
    found = manifest.add_up([
        BEGUN, CONSENT, segment("buyer", 1), segment("agent", 1), Paused(1000, "buyer", "consent_withdrawn"),
        Resumed(3000), segment("buyer", 2), Paused(4000, None, "unasked"),
        Paused(5000, "buyer", "consent_withdrawn"),
        Ended(6000, "call_ended"),
    ])  # fmt: skip
    assert found.participants() == ("buyer", "agent")
    assert [one.written.number for one in found.of("buyer")] == [1, 2]
    assert found.pauses == (
        Pause(1000, 3000, "buyer", "consent_withdrawn"),
        Pause(4000, 5000, None, "unasked"),
        Pause(5000, None, "buyer", "consent_withdrawn"),
    )
    assert found.ended == Ended(6000, "call_ended")
    assert found.utc_ms(1500) == BEGUN.utc_ms + 1500


def test_a_journal_begins_once_and_with_its_beginning() -> None:
    for records in ([], [CONSENT], [BEGUN, BEGUN]):
        with pytest.raises(manifest.Damaged):
            manifest.add_up(records)


def test_every_end_has_a_sentence_in_both_languages() -> None:
    assert set(SENTENCES) == set(typing.get_args(manifest.EndCode))
    assert all(zh.endswith("。") and en.endswith(".") for zh, en in SENTENCES.values())


def test_every_kind_of_record_has_its_name() -> None:
    assert set(manifest.RECORDS.values()) == set(typing.get_args(manifest.Record))
    assert all(dataclasses.is_dataclass(record) for record in manifest.RECORDS.values())
