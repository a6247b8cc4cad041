"""What a call's messages may hold: just so much, and not one more."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from protocol import call as wire
from server.identifiers import new_client_id

POINT = {"x": 0.5, "y": 0.5}


@pytest.mark.parametrize("mark", [wire.PointerMark, wire.FreehandMark])
def test_a_mark_has_as_many_points_as_its_limit_and_no_more(mark: type[wire.PointerMark]) -> None:
    shape = "pointer" if mark is wire.PointerMark else "freehand"
    said = {"mark_id": new_client_id(), "of": "buyer", "frame_at": 0, "shape": shape}
    assert len(mark.model_validate(said | {"points": [POINT] * wire.MAX_POINTS}).points) == wire.MAX_POINTS
    for points in ([], [POINT] * (wire.MAX_POINTS + 1)):
        with pytest.raises(ValidationError, match="points"):
            mark.model_validate(said | {"points": points})


def test_a_description_is_as_long_as_its_limit_and_no_longer() -> None:
    read = TypeAdapter(wire.Sdp)
    longest = "v=0\r\n".ljust(wire.MAX_SDP, "a")
    assert read.validate_python(longest) == longest
    with pytest.raises(ValidationError):
        read.validate_python(longest + "a")
