"""Recordings on the desk: finished however often it is tried, told, kept and ended by the shop's policy."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import json
import shutil
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from protocol import recordings as wire
from protocol.recordings import WritingCode
from recordings import finishing, journal
from recordings.manifest import SIDES_MAX, EndCode, PauseReason
from recordings.recorder import RefusalCode
from recordings.retention import DAY_MS, STATUTORY_DAYS_MIN
from server.desk.world import World
from server.identifiers import new_client_id
from server.recordings.composing import Composing
from server.recordings.finishing import AGAIN_AFTER_MS, Finishing
from server.recordings.keeping import LATER_MS, Keeping
from server.storage.calls.recordings import RecordingRow
from tests.desk.carrying import Scene, me, refused, staged
from tests.recordings.calls import Desk as Recorded
from tests.recordings.calls import at, call, consent, play
from tests.recordings.shelves import FolderShelf
from tests.services.databases import new_sqlite


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(new_sqlite(tmp_path), tmp_path) as made:
        yield made


@pytest.fixture
async def either_scene(database_url: str, tmp_path: Path) -> AsyncIterator[Scene]:
    """On each database."""
    async with staged(database_url, tmp_path) as made:
        yield made


class Job:
    """The job of finishing, on a shelf and a clock of its own, beside the node's."""

    def __init__(self, scene: Scene, folder: Path) -> None:
        self.scene, self.root = scene, folder / "written"
        self.shelf = FolderShelf(scene.house.node.settings.data / "files")
        self.ahead_ms = 0
        world = scene.house.node.legs.world
        self.world: World = replace(world, clock=lambda: world.clock() + self.ahead_ms)
        self.job = Finishing(self.world, self.shelf, self.root)

    def record(
        self,
        call_id: str,
        seconds: float = 1.0,
        name: str = "rec-1",
        participant: str = "buyer",
        away: range = range(0),
    ) -> None:
        """A recording of the call lies there; nothing came in the milliseconds `away`."""
        desk = Recorded(self.root)
        recording = desk.recorder.start(
            name, call_id, [consent(participant)], at(0), desk.keys.append, desk.ends.append
        )
        play(recording, [one for one in call(seconds, participant) if int(one.at_ms) not in away])
        recording.stop("call_ended", at(seconds * 1000))
        assert desk.recorder.close(10)

    async def run(self) -> RecordingRow | None:
        """A sweep, and what it began, to the end; the recording as it stands then."""
        await self.job.sweep()
        await self.job.done()
        return await self.row()

    async def go_to(self, days: int) -> None:
        """The clock stands so many days after the recording's end."""
        row = await self.row()
        assert row is not None and row.ended_at is not None
        self.ahead_ms += row.ended_at + days * DAY_MS - self.world.clock()

    async def row(self) -> RecordingRow | None:
        async with self.world.db.read() as unit:
            return await unit.recordings.get("rec-1")

    async def row_of(self, name: str) -> RecordingRow:
        async with self.world.db.read() as unit:
            row = await unit.recordings.get(name)
        assert row is not None
        return row

    def lies(self) -> list[Path]:
        """What lies on the shelf."""
        return [path for path in self.shelf.folder.rglob("*") if path.is_file()]

    async def acts(self) -> list[str]:
        """What the audit says of the recording."""
        async with self.world.db.read() as unit:
            lines = await unit.audit.lines("cloud", 50, subject_id="rec-1")
            return [line.act for line, _ in reversed(lines)]

    async def told(self) -> list[tuple[str, str | None]]:
        """State and code of each line of the desk log."""
        async with self.world.db.read() as unit:
            entries = await unit.conversations.of_kind(self.scene.conversation_id, "desk", "recording")
        return [(entry.body["state"], entry.body["code"]) for entry in entries]


def test_every_word_of_the_recorder_has_a_name_on_the_wire() -> None:
    known = set(get_args(WritingCode))
    assert {*get_args(EndCode), *get_args(RefusalCode)} - known == {"consent_missing"}, "nobody is recorded"
    reason = wire.RecordingPause.model_fields["reason"].annotation
    assert get_args(reason) == get_args(PauseReason)
    assert wire.SIDES_SHOWN == SIDES_MAX


async def test_a_full_disk_is_told_on_the_case_and_the_call_goes_on(scene: Scene) -> None:
    call_id = await scene.talk()
    opened = await scene.agent.ask(
        "case.open", conversation_id=scene.conversation_id, client_id=new_client_id(), title="瓶盖"
    )
    since = len(scene.agent.heard)
    scene.media.tell("recording_failed", call_id, code="disk_full", recording_id="rec-1")
    line = (await scene.agent.hears("chat.noted"))["entry"]
    assert (line["kind"], line["state"], line["code"]) == ("recording", "stopped", "disk_full")
    assert (line["recording_id"], line["call_id"]) == ("rec-1", call_id)
    changed = await scene.agent.hears("case.changed", since=since)
    assert changed["case"]["case_id"] == opened["case"]["case_id"]
    stopped = await scene.buyer.hears("call.recording_changed")
    assert stopped["call"]["recording"] == {"state": "stopped", "code": "disk_full"}
    assert stopped["call"]["state"] == "connected"
    assert "chat.noted" not in scene.buyer.names()


async def test_whoever_is_killed_after_the_shelf_is_followed_by_one_who_tells_it_once(
    scene: Scene, tmp_path: Path
) -> None:
    job = Job(scene, tmp_path)
    job.record(await scene.talk())
    assert await finishing.finish(job.root / "rec-1", job.shelf, "cloud/recordings") is not None
    row = await job.run()
    assert row is not None and (row.state, row.shop_id, row.ended_code) == ("kept", "cloud", "call_ended")
    assert not (job.root / "rec-1").exists()
    async with job.world.db.read() as unit:
        files = await unit.recordings.files("rec-1")
    assert {(file.participant_id, file.holds) for file in files} == {
        ("buyer", "media"), ("buyer", "poster"), ("buyer", "waveform"), (None, "index"),
    }  # fmt: skip
    assert all((job.shelf.folder / file.name).stat().st_size == file.size for file in files)
    await job.run()
    assert await job.told() == [("kept", None)]


async def test_a_shelf_that_is_away_is_tried_again_by_and_by_and_then_told(
    scene: Scene, tmp_path: Path
) -> None:
    job = Job(scene, tmp_path)
    job.record(await scene.talk())
    job.shelf.away = True
    for number, wait_ms in enumerate(AGAIN_AFTER_MS):
        row = await job.run()
        assert row is not None and (row.state, row.code, row.tries) == ("finishing", "shelf_away", number + 1)
        assert (await job.run()) == row, "not before its time"
        job.ahead_ms += wait_ms
    row = await job.run()
    assert row is not None and (row.state, row.code) == ("failed", "shelf_away")
    assert await job.told() == [("failed", "shelf_away")]
    assert any((job.root / "rec-1").glob("*.webm")), "what was written is still there"


async def test_what_nobody_foresaw_counts_as_a_try_and_holds_no_other_recording_up(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(scene, tmp_path)
    job.record(await scene.talk())

    async def fails(*_: object) -> None:
        raise LookupError("nobody thought of this")

    with monkeypatch.context() as broken:
        broken.setattr(finishing, "finish", fails)
        row = await job.run()
    assert row is not None and (row.state, row.code, row.tries) == ("finishing", "internal", 1)
    job.ahead_ms += AGAIN_AFTER_MS[0]
    row = await job.run()
    assert row is not None and (row.state, row.code) == ("kept", None)


async def test_a_journal_that_cannot_be_opened_just_now_is_read_at_the_next_sweep(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(scene, tmp_path)
    job.record(await scene.talk())

    def fails(*_: object) -> None:
        raise OSError(errno.EMFILE, "too many open files")

    with monkeypatch.context() as broken:
        broken.setattr(journal.Journal, "reopen", fails)
        assert await job.run() is None
    row = await job.run()
    assert row is not None and row.state == "kept"


async def test_a_recording_of_no_call_here_is_left_alone(scene: Scene, tmp_path: Path) -> None:
    job = Job(scene, tmp_path)
    job.record("nobody")
    assert await job.run() is None
    assert any((job.root / "rec-1").glob("*.webm"))


async def kept(scene: Scene, folder: Path) -> tuple[Job, Keeping]:
    """A recording on the shelf, and who looks after it."""
    job = Job(scene, folder)
    job.record(await scene.talk())
    row = await job.run()
    assert row is not None and row.state == "kept"
    return job, keeping_of(job)


class Late(FolderShelf):
    """A shelf on the way to which the recording is erased; it does not let go of what comes after."""

    def __init__(self, job: Job, keeping: Keeping) -> None:
        super().__init__(job.shelf.folder)
        self.job, self.keeping = job, keeping

    async def read(self, name: str, start: int, end: int) -> bytes:
        return (self.folder / name).read_bytes()[start:end]

    async def keep(self, name: str, source: Path, sha256: str) -> None:
        content = await asyncio.to_thread(source.read_bytes)
        lead = await self.job.scene.house.agent("s1", state=None)
        await lead.ask("recording.erase", recording_id="rec-1", why="买家要求删除")
        await self.keeping.sweep()
        (self.folder / name).write_bytes(content)

    async def remove(self, name: str) -> bool:
        return False


def keeping_of(job: Job) -> Keeping:
    return Keeping(job.world, job.shelf, [job.root, job.root.parent / "composing"])


async def test_a_recording_is_watched_half_a_year_and_then_every_byte_of_it_goes(
    scene: Scene, tmp_path: Path
) -> None:
    job, keeping = await kept(scene, tmp_path)
    await job.go_to(days=179)
    await keeping.sweep()
    assert (await job.told())[1:] == []
    await job.go_to(days=180)
    await keeping.sweep()
    assert (await job.told())[1:] == [("erased", "period_over")]
    assert job.lies() == []
    row = await job.row()
    assert row is not None and (row.state, row.due) == ("erased", None)
    await keeping.sweep()
    assert len(await job.told()) == 2


async def test_a_recorded_call_opens_a_case_for_its_agent_where_none_is_open(
    either_scene: Scene, tmp_path: Path
) -> None:
    scene, job = either_scene, Job(either_scene, tmp_path)
    first = await scene.talk()
    await scene.agent.ask("call.hang_up", call_id=first)
    since = len(scene.agent.heard)
    job.record(first)
    await job.run()
    told = (await scene.agent.hears("case.changed", since=since))["case"]
    assert (told["title"], told["state"], told["holder_id"]) == (
        "视频通话",
        "open",
        scene.house.people["a1"],
    )
    view = await scene.agent.ask("case.read", case_id=told["case_id"])
    (entry,) = view["history"]
    assert (entry["kind"], entry["call_id"]) == ("opened", first)
    assert [one["recording_id"] for one in view["recordings"]] == ["rec-1"]
    second = await scene.talk()
    await scene.agent.ask("call.hang_up", call_id=second)
    job.record(second, name="rec-2")
    await job.run()
    (case,) = (await scene.agent.ask("case.list"))["cases"]
    await scene.agent.ask("case.close", case_id=case["case_id"], client_id=new_client_id(), text="已当面演示")
    await scene.house.put("/api/v1/products/p", {"title": "连衣裙", "price": 26900})
    await scene.buyer.ask("conversation.open", client_id=new_client_id(), product_id="p")
    third = await scene.talk()
    job.record(third, name="rec-3")
    await job.run()
    listed = (await scene.agent.ask("case.list"))["cases"]
    assert sorted((one["number"], one["title"], one["state"]) for one in listed) == [
        (1001, "视频通话", "closed"),
        (1002, "连衣裙", "open"),
    ]


async def test_a_case_that_a_call_opened_keeps_the_recording_once_somebody_works_on_it(
    scene: Scene, tmp_path: Path
) -> None:
    job, keeping = await kept(scene, tmp_path)
    (case,) = (await scene.agent.ask("case.list"))["cases"]
    note = {"case_id": case["case_id"], "client_id": new_client_id(), "text": "等仓库回复"}
    await scene.agent.ask("case.note", **note)
    await job.go_to(days=400)
    await keeping.sweep()
    assert (await job.told())[1:] == []
    await scene.agent.ask("case.close", **(note | {"client_id": new_client_id(), "text": "已换新"}))
    await job.go_to(days=402)
    await keeping.sweep()
    assert (await job.told())[1:] == [("erased", "period_over")]


async def test_a_law_keeps_the_bytes_and_nobody_watches_them(either_scene: Scene, tmp_path: Path) -> None:
    job, keeping = await kept(either_scene, tmp_path)
    async with job.world.db.write() as unit:
        await unit.shops.change(
            "cloud", recordings_kept_days=30, recordings_statutory_days=STATUTORY_DAYS_MIN
        )
    await job.go_to(days=30)
    await keeping.sweep()
    assert (await job.told())[1:] == [("restricted", "statutory_period")]
    assert job.lies() != []
    await job.go_to(days=STATUTORY_DAYS_MIN)
    await keeping.sweep()
    assert (await job.told())[2:] == [("erased", "period_over")]


async def test_a_shelf_that_does_not_let_go_is_asked_again_before_it_is_called_erased(
    scene: Scene, tmp_path: Path
) -> None:
    job, keeping = await kept(scene, tmp_path)
    await job.go_to(days=180)
    job.shelf.away = True
    await keeping.sweep()
    row = await job.row()
    assert row is not None and row.state == "erased" and row.due is not None
    assert len(await job.told()) == 1
    job.shelf.away = False
    await keeping.sweep()
    assert len(await job.told()) == 1, "by and by"
    job.ahead_ms += LATER_MS
    await keeping.sweep()
    assert (await job.told())[1:] == [("erased", "period_over")]


async def test_of_a_recording_that_was_never_finished_no_byte_stays_anywhere(
    scene: Scene, tmp_path: Path
) -> None:
    job = Job(scene, tmp_path)
    call_id = await scene.talk()
    job.record(call_id, participant=(await me(scene.buyer, call_id, "buyer"))["participant_id"])
    job.shelf.lose = "recording.json"
    row = await job.run()
    while row is not None and row.state == "finishing":
        job.ahead_ms += AGAIN_AFTER_MS[row.tries - 1]
        row = await job.run()
    assert row is not None and (row.state, row.code) == ("failed", "not_kept")
    assert len(job.lies()) == 3, "the others came there, and no row knows them"
    made = tmp_path / "composing" / "rec-1" / "0.webm"
    made.parent.mkdir(parents=True)
    made.write_bytes(b"a side")
    keeping = keeping_of(job)
    lead = await scene.house.agent("s1", state=None)
    await lead.ask("recording.erase", recording_id="rec-1", why="买家要求删除")
    await keeping.sweep()
    assert (await job.told())[1:] == [("erased", "erasure_asked")]
    assert job.lies() == [] and not made.exists() and not (job.root / "rec-1").exists()


async def test_an_mp4_of_which_no_row_knows_goes_with_the_recording(scene: Scene, tmp_path: Path) -> None:
    job, keeping = await kept(scene, tmp_path)
    made = job.shelf.folder / "cloud" / "recordings" / "rec-1" / "side-by-side.mp4"
    made.write_bytes(b"its maker was killed before he could say so")
    await job.go_to(days=180)
    await keeping.sweep()
    assert (await job.told())[1:] == [("erased", "period_over")]
    assert job.lies() == []


async def test_what_stays_on_this_machine_is_not_called_erased(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, keeping = await kept(scene, tmp_path)
    await job.go_to(days=180)

    def busy(folder: Path) -> None:
        raise OSError(errno.EBUSY, "busy")

    with monkeypatch.context() as patched:
        patched.setattr(shutil, "rmtree", busy)
        await keeping.sweep()
    assert len(await job.told()) == 1
    job.ahead_ms += LATER_MS
    await keeping.sweep()
    assert (await job.told())[1:] == [("erased", "period_over")]


async def test_a_recording_that_cannot_be_decided_about_does_not_keep_the_others(
    scene: Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job, keeping = await kept(scene, tmp_path)
    await scene.agent.ask("call.hang_up", call_id=(await job.row_of("rec-1")).call_id)
    job.record(await scene.talk(), name="rec-2")
    await job.run()
    monkeypatch.setattr("server.recordings.keeping.LOOKED_AT_ONCE", 1)
    look_at = keeping.look_at

    async def fails(recording_id: str) -> None:
        if recording_id == "rec-1":
            raise ValueError("a recording has a shop")
        await look_at(recording_id)

    monkeypatch.setattr(keeping, "look_at", fails)
    await job.go_to(days=181)
    await keeping.sweep()
    await keeping.sweep()
    assert [(await job.row_of(name)).state for name in ("rec-1", "rec-2")] == ["kept", "erased"]


async def test_an_mp4_that_comes_after_the_end_of_its_recording_goes_again(
    scene: Scene, tmp_path: Path
) -> None:
    job, keeping = await kept(scene, tmp_path)
    composing = Composing(job.world, Late(job, keeping), tmp_path / "composing")
    composing.ask("rec-1")
    await composing.done()
    assert [path.name for path in job.lies()] == ["side-by-side.mp4"]
    row = await job.row()
    assert row is not None and row.state == "erased" and row.due is not None, "it is not over yet"
    await keeping.sweep()
    assert job.lies() == []


async def shown(scene: Scene, url: str | None, **headers: str) -> tuple[int, bytes]:
    assert url is not None
    async with scene.house.http.get(scene.house.url + url, headers=headers) as answer:
        return answer.status, await answer.read()


async def test_a_moment_in_which_voice_and_picture_are_missing_is_one_moment(
    scene: Scene, tmp_path: Path
) -> None:
    job = Job(scene, tmp_path)
    job.record(await scene.talk(), 4.0, away=range(800, 1_300))
    await job.run()
    (side,) = (await scene.agent.ask("recording.open", recording_id="rec-1"))["sides"]
    assert {gap["kind"] for gap in side["gaps"]} == {"video", "audio"}
    assert side["gap_count"] == 1
    assert 1_200 <= side["gap_ms"] <= 1_300, (
        "to the next key frame, and not the voice's half second once more"
    )


async def test_whoever_has_to_do_with_it_watches_it_and_each_time_is_in_the_audit(
    either_scene: Scene, tmp_path: Path
) -> None:
    scene = either_scene
    job, _ = await kept(scene, tmp_path)
    view = await scene.agent.ask("recording.open", recording_id="rec-1")
    (side,) = view["sides"]
    assert (side["participant_id"], side["frames"], side["errors"]) == ("buyer", 25, 0)
    status, content = await shown(scene, side["media"], Range="bytes=0-3")
    assert (status, content) == (206, bytes.fromhex("1a45dfa3"))
    status, waveform = await shown(scene, side["waveform"])
    assert (status, set(json.loads(waveform))) == (200, {"every_ms", "peaks"})
    assert (await shown(scene, side["poster"]))[0] == 200
    assert view["consents"][0]["text_version"] == "2026-11"
    assert await job.acts() == ["recording.view"]
    assert (await scene.agent.ask("recording.marks", recording_id="rec-1", after_seq=0))["marks"] == []
    # Nobody else of the shop, but supervisors; another shop's people learn nothing.
    other, lead = await scene.house.agent("a2", state=None), await scene.house.agent("s1", state=None)
    stranger = await scene.house.agent("b1", shop="river", state=None)
    assert await refused(other, "recording.open", recording_id="rec-1") == "forbidden"
    assert await refused(other, "recording.marks", recording_id="rec-1", after_seq=0) == "forbidden"
    assert await refused(stranger, "recording.open", recording_id="rec-1") == "not_found"
    assert (await lead.ask("recording.open", recording_id="rec-1"))["sides"][0]["media"] is not None
    assert await refused(scene.agent, "recording.erase", recording_id="rec-1", why="x") == "forbidden"
    file_id = side["media"].split("?")[0].rsplit("/", 1)[1]
    assert await refused(scene.agent, "file.link", file_ids=[file_id]) == "not_found", "not past the audit"
    # Whoever holds a case of it has to do with it.
    held = await scene.agent.ask(
        "case.open", conversation_id=scene.conversation_id, client_id=new_client_id(), title="瓶盖"
    )
    await scene.agent.ask(
        "case.hold",
        case_id=held["case"]["case_id"],
        client_id=new_client_id(),
        person_id=scene.house.people["a2"],
    )
    assert (await other.ask("recording.open", recording_id="rec-1"))["expires_at"] is not None
    assert await job.acts() == ["recording.view"] * 3


async def test_what_is_restricted_is_watched_by_nobody_until_it_is_released(
    scene: Scene, tmp_path: Path
) -> None:
    job, _ = await kept(scene, tmp_path)
    (side,) = (await scene.agent.ask("recording.open", recording_id="rec-1"))["sides"]
    lead = await scene.house.agent("s1", state=None)
    wish = {"recording_id": "rec-1", "why": "买家有异议"}
    answer = await lead.ask("recording.restrict", **wish, restricted=True)
    assert (answer["recording"]["state"], answer["recording"]["code"]) == ("restricted", "restriction_asked")
    assert (await shown(scene, side["media"]))[0] == 404, "an address that is out already, too"
    view = await lead.ask("recording.open", recording_id="rec-1")
    assert (view["expires_at"], view["sides"][0]["media"]) == (None, None)
    assert await refused(lead, "recording.marks", recording_id="rec-1", after_seq=0) == "forbidden"
    await lead.ask("recording.restrict", **wish, restricted=False)
    assert (await shown(scene, side["media"]))[0] == 200
    assert await job.told() == [("kept", None), ("restricted", "restriction_asked"), ("kept", None)]
    assert await job.acts() == ["recording.view", "recording.restrict", "recording.release"]


async def test_a_wish_for_deletion_is_followed_at_once_and_the_bytes_go_with_the_next_sweep(
    scene: Scene, tmp_path: Path
) -> None:
    job, keeping = await kept(scene, tmp_path)
    (side,) = (await scene.agent.ask("recording.open", recording_id="rec-1"))["sides"]
    lead = await scene.house.agent("s1", state=None)
    for _ in range(2):
        answer = await lead.ask("recording.erase", recording_id="rec-1", why="买家要求删除")
        assert (answer["recording"]["state"], answer["recording"]["code"]) == ("erased", "erasure_asked")
    assert (await shown(scene, side["media"]))[0] == 404
    await keeping.sweep()
    assert job.lies() == []
    assert await job.told() == [("kept", None), ("erased", "erasure_asked")]
    assert await job.acts() == ["recording.view", "recording.erase"]
    wish = {"recording_id": "rec-1", "why": "x", "restricted": False}
    assert await refused(lead, "recording.restrict", **wish) == "conflict"


async def test_one_mp4_is_made_on_demand_shown_to_who_may_watch_and_goes_with_the_recording(
    scene: Scene, tmp_path: Path
) -> None:
    job, keeping = await kept(scene, tmp_path)
    other = await scene.house.agent("a2", state=None)
    assert await refused(other, "recording.compose", recording_id="rec-1") == "forbidden"
    for _ in range(2):
        begun = await scene.agent.ask("recording.compose", recording_id="rec-1")
        assert begun == {"state": "making", "url": None, "expires_at": None}
    await scene.house.node.composing.done()
    made = await scene.agent.ask("recording.compose", recording_id="rec-1")
    assert made["state"] == "ready"
    status, content = await shown(scene, made["url"])
    assert (status, content[4:8]) == (200, b"ftyp")
    assert await job.acts() == ["recording.compose"]
    async with job.world.db.read() as unit:
        (file,) = [one for one in await unit.recordings.files("rec-1") if one.holds == "composed"]
    assert hashlib.sha256(content).hexdigest() == file.sha256
    assert list((scene.house.node.settings.data / "composing").iterdir()) == []
    await job.go_to(days=180)
    await keeping.sweep()
    assert job.lies() == []
    assert (await shown(scene, made["url"]))[0] == 404
    assert await refused(scene.agent, "recording.compose", recording_id="rec-1") == "forbidden"


async def test_a_side_that_is_not_what_was_kept_becomes_no_mp4(scene: Scene, tmp_path: Path) -> None:
    job, _ = await kept(scene, tmp_path)
    (media,) = [path for path in job.lies() if path.suffix == ".webm"]
    media.write_bytes(media.read_bytes()[:-1] + b"x")
    assert (await scene.agent.ask("recording.compose", recording_id="rec-1"))["state"] == "making"
    await scene.house.node.composing.done()
    assert (await scene.agent.ask("recording.compose", recording_id="rec-1"))["state"] == "failed"
    assert len(job.lies()) == 4
