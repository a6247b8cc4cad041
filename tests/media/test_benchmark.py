"""The benchmark of forwarding, shortened: what it prints has the declared shape and comes from real runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import pytest

from benchmarks import clip as clips
from benchmarks.media import Plan, measure

ROW = {"name", "value", "target", "better", "met"}


def of(found: dict[str, Any], server: str) -> list[dict[str, Any]]:
    return [one for one in found["runs"] if one["server"] == server]


async def test_one_session_for_some_seconds_gives_the_declared_shape() -> None:
    # In one second a session costs the bridge one step of the kernel's clock, or none.
    found = await measure(Plan(sessions=1, rounds=1, seconds=3.0, warm_up_s=1.5, seed=1), clips.made(2))
    assert json.loads(json.dumps(found)) == found
    assert {"machine", "clip", "recording", "left_out", "runs", "targets", "aims"} <= set(found)
    for row in (*found["targets"], *found["aims"]):
        assert set(row) == ROW
        assert row["met"] == (row["value"] <= row["target"])
    bridge, listened = sorted(of(found, "bridge"), key=lambda one: int(one["listeners"]))
    (floor,) = of(found, "floor")
    assert (bridge["listeners"], bridge["frames_to_listeners"]) == (0, None)
    assert listened["listeners"] == 1
    assert listened["frames_to_listeners"] > 0.8, "both sides' pictures reach him"
    assert bridge["packets_per_s"] > 100
    assert bridge["frames_through"] > 0.8, "pictures go through both ways"
    assert 0 < bridge["video_p50_ms"] <= bridge["video_p95_ms"]
    (stock,) = of(found, "stock")
    assert stock["packets_per_s"] > 100
    assert stock["frames_through"] > 0.3, "even decoded and encoded again"
    assert stock["cpu_percent_per_session"] > bridge["cpu_percent_per_session"]
    assert stock["video_p50_ms"] is None, "nothing in its packets tells which they were"
    if found["left_out"]:
        assert [line.partition(":")[0] for line in found["left_out"]] == ["janus"]
        assert of(found, "janus") == []
    else:
        (janus,) = of(found, "janus")
        assert janus["frames_through"] > 0.8
        assert janus["srtp"] == bridge["srtp"], "the comparison is of equal ciphers"
        assert 0 < janus["video_p50_ms"] <= janus["video_p95_ms"]
    assert floor["us_per_packet"] > 0
    assert floor["srtp"] == bridge["srtp"]


def test_the_pieces_of_a_picture_are_its_bytes_behind_a_descriptor() -> None:
    picture = bytes(range(256)) * 10
    pieces = clips.payloads(picture, 5)
    assert b"".join(piece[4:] for piece in pieces) == picture
    assert [piece[:4].hex() for piece in pieces] == ["90808005", "80808005", "80808005"]


def test_a_clip_that_is_not_of_vp8_and_opus_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=48_000, layout="mono")
        sound = av.AudioFrame("s16", "mono", 960)
        sound.sample_rate = 48_000
        container.mux(stream.encode(sound))
    with pytest.raises(ValueError, match="VP8 and Opus are needed"):
        clips.read(path)
