"""Packets are read strictly and written as RFC 6455 and the Socket.IO protocol say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.base import MAX_DEPTH
from protocol.errors import ErrorCode, Refused
from signaling import packets
from signaling.packets import Arrived, Packet

READ = {
    b'2/buyer,17["a",{}]': Arrived(packets.EVENT, "/buyer", b"17", b'["a",{}]'),
    b'2/agent,["a",{}]': Arrived(packets.EVENT, "/agent", None, b'["a",{}]'),
    b'2["a",{}]': Arrived(packets.EVENT, "/", None, b'["a",{}]'),
    b'27["a",{}]': Arrived(packets.EVENT, "/", b"7", b'["a",{}]'),
    b"2/buyer,17": Arrived(packets.EVENT, "/buyer", b"17", b""),
    b'0/buyer,{"token":"t"}': Arrived(packets.CONNECT, "/buyer", None, b'{"token":"t"}'),
    b'0/buyer?a=1,{"token":"t"}': Arrived(packets.CONNECT, "/buyer", None, b'{"token":"t"}'),
    b"0": Arrived(packets.CONNECT, "/", None, b""),
    b"0/guest": Arrived(packets.CONNECT, "/guest", None, b""),
    b"1/agent,": Arrived(packets.DISCONNECT, "/agent", None, b""),
    b'51-/buyer,7["a",{"_placeholder":true,"num":0}]': Arrived(
        packets.BINARY_EVENT, "/buyer", b"7", b'["a",{"_placeholder":true,"num":0}]'
    ),
    b"61-/buyer,7[]": Arrived(packets.BINARY_ACK, "/buyer", b"7", b"[]"),
}


@pytest.mark.parametrize("raw, arrived", READ.items(), ids=lambda value: str(value)[:40])
def test_a_packet_is_split_at_its_head(raw: bytes, arrived: Arrived) -> None:
    assert packets.read(raw) == arrived


@pytest.mark.parametrize(
    "raw", [b"", b"7", b"x", b" 2", b"/buyer,", b"\xff", b"2/buyer," + b"1" * 17 + b"[]"]
)
def test_what_has_no_head_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as refused:
        packets.read(raw)
    assert refused.value.code is ErrorCode.bad_request


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    try:
        arrived = packets.read(raw)
        packets.read_command(arrived.body)
    except Refused as refused:
        assert refused.code in (ErrorCode.bad_request, ErrorCode.too_deep)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda children: (
            st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=3), children, max_size=3)
        ),
        max_leaves=30,
    ),
    st.integers(0, 6),
)
def test_depth_is_counted_as_its_definition_says(value: Any, limit: int) -> None:
    def depth(item: Any) -> int:
        if isinstance(item, dict | list):
            children = item.values() if isinstance(item, dict) else item
            return 1 + max(map(depth, children), default=0)
        return 0

    assert packets.deeper_than(value, limit) == (depth(value) > limit)


@given(
    st.text(max_size=10),
    st.recursive(st.integers() | st.text("[{", max_size=9), lambda c: st.lists(c, max_size=2)),
)
def test_brackets_inside_words_are_not_depth(name: str, value: Any) -> None:
    argument = {"text": "[{" * 40, "value": value}
    if packets.deeper_than(argument, MAX_DEPTH):
        return
    body = json.dumps([name, argument]).encode()
    try:
        assert packets.read_command(body) == (name, argument)
    except Refused as refused:
        # Only a number beyond 64 bits is read as another one elsewhere.
        assert refused.code is ErrorCode.bad_request


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 70_000])
def test_a_frame_says_its_length_as_the_rfc_does(size: int) -> None:
    frame = packets.frame(b"x" * size)
    assert frame[0] == 0x81
    if size < 126:
        assert frame[1] == size
        payload = frame[2:]
    elif size < 65_536:
        assert (frame[1], int.from_bytes(frame[2:4], "big")) == (126, size)
        payload = frame[4:]
    else:
        assert (frame[1], int.from_bytes(frame[2:10], "big")) == (127, size)
        payload = frame[10:]
    assert payload == b"x" * size


def test_the_packet_class_of_the_library_reads_and_writes_by_the_same_rules() -> None:
    event = Packet(packets.EVENT, data=["a", {"字": 1}], namespace="/buyer")
    assert event.encode() == '2/buyer,["a",{"字":1}]'
    again = Packet(encoded_packet='2/buyer,17["a",{"字":1}]')
    assert (again.packet_type, again.namespace, again.id, again.data) == (
        packets.EVENT,
        "/buyer",
        17,
        ["a", {"字": 1}],
    )
    assert again.attachment_count == 0


@pytest.mark.parametrize(
    "raw", ['51-/buyer,["a",{"_placeholder":true,"num":0}]', '69999999999-/buyer,1["a"]']
)
def test_the_packet_class_of_the_library_waits_for_no_attachments(raw: str) -> None:
    with pytest.raises(Refused) as refused:
        Packet(encoded_packet=raw)
    assert refused.value.code is ErrorCode.binary_refused


def test_a_refusal_whose_data_is_no_json_is_still_an_answer() -> None:
    frame = packets.refusal_frame("/buyer", b"7", Refused(ErrorCode.internal, odd={1, 2}).as_wire())
    assert b'"code":"internal"' in frame
