"""From segments to the shelf: one seekable file a side on one time line, and nothing removed too early."""

import asyncio
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import pytest

from recordings import child, finishing, journal
from recordings.journal import Busy, Journal
from recordings.manifest import Kind, Manifest
from recordings.shelf import ShelfUnavailable
from tests.recordings.calls import NTP_ZERO_S, Desk, Tapped, at, call, consent, play
from tests.recordings.material import AUDIO_RATE, VIDEO_RATE, audio, packets, sounds, video
from tests.recordings.shelves import FolderShelf
from tests.recordings.watching import onsets
from tests.rounds import rounds
from tools.programs import ROOT


def recorded(root: Path, tapped: list[Tapped], *participants: str) -> Desk:
    desk = Desk(root)
    recording = desk.start(*participants)
    play(recording, tapped)
    recording.stop("call_ended", at(tapped[-1].at_ms + 50))
    assert desk.recorder.close(10)
    return desk


def index_of(shelf: FolderShelf) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((shelf.folder / "shop/rec-1/recording.json").read_bytes())
    return found


def kept_is_there(shelf: FolderShelf, manifest: Manifest) -> None:
    for one in manifest.kept:
        content = (shelf.folder / one.name).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (one.bytes, one.sha256)


async def test_a_recording_becomes_one_seekable_file_a_side_and_its_sources_go(tmp_path: Path) -> None:
    desk = recorded(tmp_path / "work", call(12), "buyer", "agent")
    shelf = FolderShelf(tmp_path / "shelf")
    manifest = await finishing.finish(desk.folder, shelf, "shop")
    assert manifest is not None
    assert [path.name for path in desk.folder.iterdir()] == [journal.FILE]
    assert {one.file for one in manifest.kept} == {
        "buyer.webm", "buyer.json", "buyer.jpg", "agent.webm", "agent.json", "agent.jpg", "recording.json",
    }  # fmt: skip
    kept_is_there(shelf, manifest)
    assert manifest.assembled is not None
    for side in manifest.assembled.sides:
        assert (side.frames, side.errors) == (300, ())
        assert abs(side.duration_ms - 12_020) <= 40
        with av.open(str(shelf.folder / f"shop/rec-1/{side.participant}.webm"), "r") as container:
            assert container.duration is not None
            assert abs(container.duration / 1000 - 12_020) <= 40, "it tells how long it is"
            container.seek(9_000_000)
            first = next(packet for packet in container.demux(video=0))
            assert first.is_keyframe
            assert first.pts is not None
            assert 7000 < first.pts <= 9000, "it has an index"
    poster = (shelf.folder / "shop/rec-1/buyer.jpg").read_bytes()
    assert poster.startswith(b"\xff\xd8")
    waveform = json.loads((shelf.folder / "shop/rec-1/buyer.json").read_bytes())
    assert len(waveform["peaks"]) in (120, 121)
    loud = [number for number, peak in enumerate(waveform["peaks"]) if peak > 15]
    assert {number % 10 for number in loud} <= {0, 1}, "the tone at the beginning of each second"
    assert len(loud) >= 12


async def test_the_index_tells_the_player_and_the_checker_everything(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "work")
    recording = desk.start("buyer", "agent")
    tapped = call(6)
    play(recording, [one for one in tapped if one.at_ms < 2000])
    recording.withdraw("buyer", at(2000))
    recording.agree(consent("buyer"), at(4000))
    play(recording, [one for one in tapped if one.at_ms >= 4000])
    recording.stop("stopped", at(6100))
    assert desk.recorder.close(10)
    shelf = FolderShelf(tmp_path / "shelf")
    manifest = await finishing.finish(desk.folder, shelf, "shop")
    assert manifest is not None
    index = index_of(shelf)
    assert index["pauses"] == [
        {"from_ms": 2000, "to_ms": 4000, "participant": "buyer", "reason": "consent_withdrawn"}
    ]
    assert index["ended"]["code"] == "stopped"
    assert len(index["ended"]["sentences"]) == 2
    assert [one["consent"]["participant"] for one in index["consents"]] == ["buyer", "agent", "buyer"]
    assert [side["media"]["file"] for side in index["sides"]] == ["buyer.webm", "agent.webm"]
    assert all(side["errors"] == [] for side in index["sides"])
    assert len(index["segments"]) == len(manifest.segments) == 4
    peaks = json.loads((shelf.folder / "shop/rec-1/buyer.json").read_bytes())["peaks"]
    assert len(peaks) >= 59, "the pause is there"
    assert max(peaks[21:40]) == 0, "and silent"


async def test_finishing_again_changes_nothing(tmp_path: Path) -> None:
    desk = recorded(tmp_path / "work", call(2, "buyer"), "buyer")
    shelf = FolderShelf(tmp_path / "shelf")
    first = await finishing.finish(desk.folder, shelf, "shop")
    puts = list(shelf.puts)
    assert await finishing.finish(desk.folder, shelf, "shop") == first
    assert shelf.puts == puts


async def test_a_voice_alone_is_a_file_without_pictures(tmp_path: Path) -> None:
    tapped = [one for one in call(3, "buyer") if one.kind == "audio"]
    desk = recorded(tmp_path / "work", tapped, "buyer")
    shelf = FolderShelf(tmp_path / "shelf")
    manifest = await finishing.finish(desk.folder, shelf, "shop")
    assert manifest is not None
    assert {one.file for one in manifest.kept} == {"buyer.webm", "buyer.json", "recording.json"}
    (side,) = index_of(shelf)["sides"]
    assert (side["frames"], side["poster"]) == (0, None)


async def test_pictures_alone_get_a_silent_track(tmp_path: Path) -> None:
    tapped = [one for one in call(3, "buyer") if one.kind == "video"]
    desk = recorded(tmp_path / "work", tapped, "buyer")
    manifest = await finishing.finish(desk.folder, FolderShelf(tmp_path / "shelf"), "shop")
    assert manifest is not None
    assert manifest.assembled is not None
    (side,) = manifest.assembled.sides
    assert side.frames == 75
    assert abs(20 * side.sounds - side.duration_ms) <= 40


async def test_a_recording_of_nothing_is_finished_all_the_same(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "work")
    desk.start("buyer").stop("call_ended", at(10))
    assert desk.recorder.close(10)
    manifest = await finishing.finish(desk.folder, FolderShelf(tmp_path / "shelf"), "shop")
    assert manifest is not None
    assert [one.file for one in manifest.kept] == ["recording.json"]
    assert manifest.removed is not None


# What must not be lost.


@pytest.mark.parametrize("fault", ["spoil", "lose", "away"])
async def test_what_did_not_arrive_whole_removes_nothing_and_is_sent_again(
    tmp_path: Path, fault: str
) -> None:
    desk = recorded(tmp_path / "work", call(2, "buyer"), "buyer")
    shelf = FolderShelf(tmp_path / "shelf")
    setattr(shelf, fault, True if fault == "away" else "buyer.jpg")
    with pytest.raises((finishing.NotKept, ShelfUnavailable)):
        await finishing.finish(desk.folder, shelf, "shop")
    assert (desk.folder / "buyer-0001.webm").exists()
    assert (desk.folder / finishing.MADE_FOLDER / "buyer.webm").exists()
    shelf.spoil, shelf.lose, shelf.away = "", "", False
    manifest = await finishing.finish(desk.folder, shelf, "shop")
    assert manifest is not None
    kept_is_there(shelf, manifest)
    assert not (desk.folder / "buyer-0001.webm").exists()


async def test_a_damaged_segment_is_left_out_named_and_not_removed(tmp_path: Path) -> None:
    desk = recorded(tmp_path / "work", call(22, "buyer"), "buyer")
    damaged = desk.folder / "buyer-0002.webm"
    content = bytearray(damaged.read_bytes())
    content[len(content) // 2] ^= 1
    damaged.write_bytes(content)
    shelf = FolderShelf(tmp_path / "shelf")
    manifest = await finishing.finish(desk.folder, shelf, "shop")
    assert manifest is not None
    assert index_of(shelf)["damaged"] == [{"file": "buyer-0002.webm", "reason": "hash"}]
    assert sorted(path.name for path in desk.folder.iterdir()) == ["buyer-0002.webm", journal.FILE]
    assert manifest.assembled is not None
    (side,) = manifest.assembled.sides
    assert (side.frames, side.errors) == (350, ())
    assert abs(side.duration_ms - 22_020) <= 40, "its place in time stays"


async def test_files_that_were_made_and_are_gone_are_made_again(tmp_path: Path) -> None:
    desk = recorded(tmp_path / "work", call(2, "buyer"), "buyer")
    shelf = FolderShelf(tmp_path / "shelf")
    shelf.away = True
    with pytest.raises(ShelfUnavailable):
        await finishing.finish(desk.folder, shelf, "shop")
    (desk.folder / finishing.MADE_FOLDER / "buyer.webm").write_bytes(b"other")
    shelf.away = False
    manifest = await finishing.finish(desk.folder, shelf, "shop")
    assert manifest is not None
    kept_is_there(shelf, manifest)
    assert len(manifest.kept) == 4


async def test_nobody_finishes_what_somebody_writes(tmp_path: Path) -> None:
    desk = recorded(tmp_path / "work", call(1, "buyer"), "buyer")
    with Journal.reopen(desk.folder), pytest.raises(Busy):
        await finishing.finish(desk.folder, FolderShelf(tmp_path / "shelf"), "shop")


@pytest.mark.parametrize("seed", range(rounds(reduced=2, full=20)))
async def test_finishing_may_be_killed_at_any_step_and_goes_on(tmp_path: Path, seed: int) -> None:
    desk = recorded(tmp_path / "work", call(12), "buyer", "agent")
    shelf = FolderShelf(tmp_path / "shelf")
    chance, kills = random.Random(seed), 0
    command = [sys.executable, "-m", "tests.recordings.finishing_child", str(desk.folder), str(shelf.folder)]
    while True:
        process = await asyncio.create_subprocess_exec(*command, str(chance.randint(1, 25)), cwd=ROOT)
        status = await process.wait()
        manifest = journal.read(desk.folder)
        if not all((desk.folder / one.written.file).exists() for one in manifest.segments):
            assert len(manifest.kept) == 7, "nothing goes before all is kept"
            kept_is_there(shelf, manifest)
        if status == 0:
            break
        assert status == -signal.SIGKILL
        kills += 1
    kept_is_there(shelf, manifest)
    assert manifest.removed is not None
    assert [path.name for path in desk.folder.iterdir()] == [journal.FILE]
    assert kills >= 1


# The child.


async def test_the_child_cannot_reach_anybody(tmp_path: Path) -> None:
    program = (
        "import json, socket, subprocess, threading\n"
        "from recordings import confinement\n"
        "confined = confinement.confine(10)\n"
        "def refused(act):\n"
        "    try: act()\n"
        "    except PermissionError: return True\n"
        "    return False\n"
        "ran = []\n"
        "thread = threading.Thread(target=lambda: ran.append(1)); thread.start(); thread.join()\n"
        "other = lambda: subprocess.run(['true'])\n"
        "print(json.dumps([confined, refused(socket.socket), refused(other), ran]))\n"
    )
    done = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, stdout=subprocess.PIPE, cwd=ROOT
    )
    answer, _ = await done.communicate()
    assert json.loads(answer) == [True, True, True, [1]], "threads still work"


async def test_a_child_that_uses_up_its_time_is_a_failure_and_not_a_hang(tmp_path: Path) -> None:
    desk = recorded(tmp_path / "work", call(12), "buyer", "agent")
    argument = {"folder": str(desk.folder), "out": str(tmp_path / "missing"), "damaged": []}
    with pytest.raises(child.ChildFailed, match="assemble ended with"):
        await child.run("assemble", argument, 30)
    with pytest.raises(child.ChildFailed, match="assemble ended with"):
        await child.run("assemble", argument | {"out": str(tmp_path)}, 0)


@pytest.mark.parametrize(
    "answer", ["", "nonsense", "[]", '{"result": {}}', '{"confined": true, "result": []}', "x" * 1_100_000]
)
async def test_an_answer_of_another_form_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    speaker = tmp_path / "speaker"
    (tmp_path / "answer").write_text(answer)
    speaker.write_text(f"#!/bin/sh\ncat >/dev/null\ncat {tmp_path}/answer\n")
    os.chmod(speaker, 0o700)
    monkeypatch.setattr(sys, "executable", str(speaker))
    with pytest.raises(child.ChildFailed):
        await child.run("assemble", {}, 1)


# One time line.


def apart(root: Path, jitter_ms: int, reports: bool) -> Desk:
    """Both sides flash and sound at the same moments, over networks that hold them up by different times."""
    chance = random.Random(3)
    delays: dict[tuple[str, Kind], int] = {
        ("buyer", "audio"): 40, ("buyer", "video"): 160, ("agent", "audio"): 25, ("agent", "video"): 60,
    }  # fmt: skip
    tapped: list[Tapped] = []
    said: list[tuple[int, str, Kind, int, int]] = []
    for (participant, kind), late_ms in delays.items():
        ssrc = (1 if participant == "buyer" else 11) + (kind == "audio")
        stream = packets(video(12), ssrc=ssrc) if kind == "video" else sounds(audio(12), ssrc=ssrc)
        arrived_ms = 0
        for sent in stream:
            arrived_ms = max(arrived_ms, sent.at_ms + late_ms + chance.randrange(jitter_ms + 1))
            tapped.append(Tapped(arrived_ms, participant, kind, sent.packet))
        rate = VIDEO_RATE if kind == "video" else AUDIO_RATE
        clock_s = NTP_ZERO_S + (1000 if participant == "agent" else 0)
        for second in range(1, 12):
            timestamp = (0xFFFF_F000 + second * rate) & 0xFFFFFFFF
            said.append((second * 1000 + 200, participant, kind, clock_s + second << 32, timestamp))
    said.sort()
    desk = Desk(root)
    recording = desk.start("buyer", "agent")
    tapped.sort(key=lambda one: one.at_ms)
    for one in tapped:
        while reports and said and said[0][0] <= one.at_ms:
            _, participant, kind, ntp, timestamp = said.pop(0)
            recording.tap_report(participant, kind, ntp, timestamp)
        recording.tap(one.participant, one.kind)(one.packet, at(one.at_ms).monotonic_ns / 1e9)
    recording.stop("call_ended", at(12_500))
    assert desk.recorder.close(10)
    return desk


@pytest.mark.parametrize(("jitter_ms", "reports", "skew_ms"), [(0, True, 60), (40, True, 60), (0, False, 60)])
async def test_flashes_and_tones_of_both_sides_meet_on_the_time_line(
    tmp_path: Path, jitter_ms: int, reports: bool, skew_ms: int
) -> None:
    desk = apart(tmp_path / "work", jitter_ms, reports)
    shelf = FolderShelf(tmp_path / "shelf")
    assert await finishing.finish(desk.folder, shelf, "shop") is not None
    measured = {side: onsets(shelf.folder / f"shop/rec-1/{side}.webm") for side in ("buyer", "agent")}
    for white, loud in measured.values():
        assert len(white) >= 11
        assert len(loud) >= 11
    if reports:
        for white, loud in measured.values():
            worst = max(abs(seen - heard) for seen, heard in zip(white[-11:], loud[-11:], strict=True))
            assert worst <= skew_ms
    heard = [loud[-11:] for _, loud in measured.values()]
    assert max(abs(one - other) for one, other in zip(*heard, strict=True)) <= skew_ms
