"""A body is read strictly or refused with a code, and the answer never repeats what was sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import session, shop
from protocol.base import MAX_DEPTH
from protocol.errors import ErrorCode, Refused
from server.http.bodies import parse, read, read_nothing


def refusal(work: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        work()
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{}x",
        b"\xff",
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"{'a': 1}",
        b'{"a": NaN}',
        b'{"a": Infinity}',
        b'{"a": -Infinity}',
        b'{"a": 1e400}',
        b'{"a": -1e400}',
        b'{"a": ' + b"1" * 5_000 + b"}",
        b'{"a": 1, "a": 2}',
        b'{"b": {"a": 1, "a": 1}}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": "nul \\u0000"}',
        b'{"a": "\x01"}',
    ],
    ids=repr,
)
def test_what_is_not_strict_json_is_refused(body: bytes) -> None:
    assert refusal(lambda: parse(body)).code is ErrorCode.bad_request


@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_nesting_one_deeper_than_allowed_is_refused(opening: str, closing: str) -> None:
    def nested(depth: int) -> bytes:
        return (opening * depth + "1" + closing * depth).encode()

    parse(nested(MAX_DEPTH))
    for depth in (MAX_DEPTH + 1, 900, 200_000):
        assert refusal(lambda depth=depth: parse(nested(depth))).code is ErrorCode.too_deep


SCALARS = st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text()


@given(st.recursive(SCALARS, st.lists, max_leaves=9))
def test_every_value_that_can_be_kept_is_read(value: Any) -> None:
    text = json.dumps(value)
    if "\\u0000" in text or any("\ud800" <= c <= "\udfff" for c in str(value)):
        return
    try:
        assert parse(text.encode()) == value
    except Refused as refused:
        assert refused.code is ErrorCode.too_deep


def test_a_shape_is_read_from_json_with_its_times_and_without_guessing() -> None:
    body = {
        "buyer": "b",
        "status": "paid",
        "placed_at": "2026-11-22T10:00:00+08:00",
        "total": 1,
        "lines": [{"line_id": "l", "product_id": "p", "title": "t", "quantity": 1, "price": 1}],
    }
    assert read(shop.PutOrder, json.dumps(body).encode()).placed_at.utcoffset() is not None
    for changes in ({"total": "1"}, {"total": 1.0}, {"total": True}, {"placed_at": 5}, {"extra": 1}):
        assert refusal(lambda c=changes: read(shop.PutOrder, json.dumps(body | c).encode())).code is (
            ErrorCode.bad_request
        )


def test_a_refusal_names_the_field_and_never_repeats_the_value() -> None:
    body = {"login": "13800000000", "password": ["top secret"], "top secret": 1}
    refused = refusal(lambda: read(session.Login, json.dumps(body).encode()))
    said = json.dumps(refused.as_wire())
    assert "password" in said
    assert "13800000000" not in said
    assert '"top secret' not in said.replace('"at": "top secret"', "")
    many = json.dumps({f"unknown-{number}": 1 for number in range(100)}).encode()
    assert len(refusal(lambda: read(session.Login, many)).data["fields"]) == 3


def test_a_call_without_a_body_takes_none() -> None:
    read_nothing(b"")
    read_nothing(b"{}")
    for body in (b"null", b"[]", b'{"a":1}', b"x", b" "):
        assert refusal(lambda body=body: read_nothing(body)).code is ErrorCode.bad_request
