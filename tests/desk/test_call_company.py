"""What people do in a call beside talking: draw, report, listen, whisper, take over, let guests in."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.call import BROWSER_MS, Participant
from protocol import call as wire
from protocol import cases
from protocol.base import MAX_FRAME_BYTES
from server.auth.buyers import LINK_MS
from server.call_bridges import LEFT_SHOWN, view
from server.desk.calls import legs, marks
from server.identifiers import new_client_id
from server.metrics import Snapshot
from server.storage.calls.recordings import RecordingRow
from server.storage.calls.store import CallRecord, StoredMark
from tests.desk.carrying import CONSENT, Scene, me, refused, staged
from tests.desk.house import Person, Refusal
from tests.services.databases import new_sqlite

FLOW = {"kbps": 900, "loss": 0.0, "jitter_ms": 5}


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with staged(new_sqlite(tmp_path), tmp_path) as made:
        yield made


async def boss(scene: Scene) -> Person:
    """A supervisor of the shop."""
    return await scene.house.agent("s1", state=None)


async def acts(scene: Scene, call_id: str) -> list[str]:
    async with scene.house.node.db.read() as unit:
        lines = await unit.audit.lines("cloud", 50, subject_id=call_id)
        return [line.act for line, _ in reversed(lines)]


def circle(of: str, mark_id: str | None = None) -> dict[str, Any]:
    return {
        "shape": "circle",
        "mark_id": mark_id or new_client_id(),
        "of": of,
        "frame_at": 1_200,
        "centre": {"x": 0.5, "y": 0.25},
        "rx": 0.1,
        "ry": 0.2,
    }


async def test_a_mark_is_on_the_other_screen_stored_once_and_read_again(scene: Scene) -> None:
    call_id = await scene.talk()
    buyer = (await me(scene.agent, call_id, "buyer"))["participant_id"]
    mark = circle(buyer)
    drawn = await scene.agent.ask("call.mark", call_id=call_id, mark=mark)
    marked = await scene.buyer.hears("call.marked")
    assert marked["entry"]["mark"] == mark and marked["entry"]["seq"] == drawn["seq"] == 1
    assert await scene.agent.ask("call.mark", call_id=call_id, mark=mark) == drawn
    assert "call.marked" not in scene.agent.names(), "who drew it has the answer"
    undo = {
        "shape": "undo",
        "mark_id": new_client_id(),
        "of": buyer,
        "frame_at": 1_300,
        "undone": mark["mark_id"],
    }
    assert await refused(scene.buyer, "call.mark", call_id=call_id, mark=undo) == "forbidden", "not his own"
    await scene.agent.ask("call.mark", call_id=call_id, mark=undo)
    track = await scene.buyer.ask("call.sync", call_id=call_id, after_seq=0)
    assert [entry["mark"]["shape"] for entry in track["marks"]] == ["circle", "undo"] and not track["more"]
    assert await refused(scene.agent, "call.mark", call_id=call_id, mark=circle("nobody")) == "not_found"


async def test_a_track_of_marks_has_its_limit(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(marks, "MARKS_MOST", 2)
    call_id = await scene.talk()
    buyer = (await me(scene.agent, call_id, "buyer"))["participant_id"]
    for _ in range(2):
        await scene.agent.ask("call.mark", call_id=call_id, mark=circle(buyer))
    assert await refused(scene.agent, "call.mark", call_id=call_id, mark=circle(buyer)) == "too_many"


def freeze(of: str, picture: str | None = "/9j/4AAQ") -> dict[str, Any]:
    return {
        "shape": "freeze",
        "mark_id": new_client_id(),
        "of": of,
        "frame_at": 1_200,
        "picture": picture,
    }


async def kept(scene: Scene, call_id: str) -> list[str]:
    """The held frames that the database has, and those in what the desk tells of the track."""
    async with scene.house.node.db.read() as unit:
        held = list((await unit.calls.held(call_id)).values())
    track = (await scene.buyer.ask("call.sync", call_id=call_id, after_seq=0))["marks"]
    told = [entry["mark"]["picture"] for entry in track if entry["mark"]["shape"] == "freeze"]
    assert [picture for picture in told if picture is not None] == held
    return held


async def test_a_held_frame_is_shown_to_all_and_to_who_comes_later_and_kept_only_while_it_is_held(
    scene: Scene,
) -> None:
    call_id = await scene.talk()
    buyer = (await me(scene.agent, call_id, "buyer"))["participant_id"]
    await scene.agent.ask("call.mark", call_id=call_id, mark=freeze(buyer))
    assert (await scene.buyer.hears("call.marked"))["entry"]["mark"]["picture"] == "/9j/4AAQ"
    assert await kept(scene, call_id) == ["/9j/4AAQ"]
    await scene.agent.ask("call.mark", call_id=call_id, mark=freeze(buyer, "/9j/other"))
    assert await kept(scene, call_id) == ["/9j/other"], "one of each picture"
    go_on = freeze(buyer, None) | {"shape": "unfreeze"}
    del go_on["picture"]
    await scene.agent.ask("call.mark", call_id=call_id, mark=go_on)
    assert await kept(scene, call_id) == []
    await scene.agent.ask("call.mark", call_id=call_id, mark=freeze(buyer))
    await scene.agent.ask("call.hang_up", call_id=call_id)
    assert await kept(scene, call_id) == [], "gone with the call"


async def test_a_frame_is_held_by_who_guides_and_only_one_that_fits_is_taken(scene: Scene) -> None:
    call_id = await scene.talk()
    buyer = (await me(scene.agent, call_id, "buyer"))["participant_id"]
    longest = "/9j/" + "A" * (wire.HELD_PICTURE_MOST - 4)
    said = {"call_id": call_id, "mark": freeze(buyer, longest)}
    assert len(json.dumps(["call.mark", said])) + 100 <= MAX_FRAME_BYTES, "below one frame"
    await scene.agent.ask("call.mark", **said)
    for picture in (longest + "A", None, "", "iVBORw0KGgo", "/9j/<svg>"):
        mark = freeze(buyer, picture)
        assert await refused(scene.agent, "call.mark", call_id=call_id, mark=mark) == "bad_request"
    assert await refused(scene.buyer, "call.mark", call_id=call_id, mark=freeze(buyer)) == "forbidden"
    assert await kept(scene, call_id) == [longest]


@pytest.mark.parametrize(
    ("told", "placed"), [(9_700, 9_700), (5_000, 5_000), (4_999, 10_000), (10_001, 10_000), (0, 10_000)]
)
def test_a_mark_belongs_where_its_frame_was_taken_unless_its_page_tells_what_cannot_be(
    told: int, placed: int
) -> None:
    assert StoredMark(1, "p", 10_000, {"frame_at": told}).placed == placed


async def test_a_line_drawn_by_hand_goes_on_under_one_id_and_pages_of_the_track_say_that_there_is_more(
    scene: Scene,
) -> None:
    call_id = await scene.talk()
    buyer = (await me(scene.agent, call_id, "buyer"))["participant_id"]
    hand = {"shape": "freehand", "mark_id": new_client_id(), "of": buyer, "frame_at": 5}
    for number in range(3):
        drawn = await scene.agent.ask(
            "call.mark", call_id=call_id, mark={**hand, "points": [{"x": number / 4, "y": 0.5}]}
        )
        assert drawn["seq"] == number + 1
    async with scene.house.node.db.write() as unit:
        for _ in range(wire.MARKS_PAGE):
            await unit.calls.add_mark(call_id, buyer, new_client_id(), circle(buyer), 1)
    page = await scene.buyer.ask("call.sync", call_id=call_id, after_seq=0)
    assert len(page["marks"]) == wire.MARKS_PAGE and page["more"]


async def test_a_bad_connection_is_told_in_words_and_measured_on_both_sides(scene: Scene) -> None:
    call_id = await scene.talk()
    leg_id = scene.media.legs[(await me(scene.buyer, call_id, "buyer"))["participant_id"]]
    report = {"call_id": call_id, "leg_id": leg_id, "round_trip_ms": 40, "received": FLOW}
    await scene.buyer.ask("call.report", **report, sent=FLOW, step="full")
    assert (await scene.agent.hears("call.quality_changed"))["level"] == "good"
    await scene.buyer.ask("call.report", **report, sent={**FLOW, "loss": 0.2}, step="audio_only")
    worse = await scene.agent.hears("call.quality_changed", lambda said: said["level"] != "good")
    assert (worse["level"], worse["step"]) == ("poor", "audio_only")
    assert (
        await refused(scene.buyer, "call.report", **{**report, "leg_id": "old"}, sent=FLOW, step="full")
        == "stale_leg"
    )
    await scene.buyer.ask("call.report", **report, sent={**FLOW, "loss": 0.2}, step="audio_only")
    async with scene.house.node.db.read() as unit:
        kept = await unit.calls.quality(call_id)
    assert [level for _, _, level, _ in kept] == ["good", "poor"], (
        "the same word within seconds is not kept again"
    )
    assert kept[0][3]["server"] == {"link": {"rtt_ms": 12.0}} and kept[0][3]["sent"]["kbps"] == 900


async def test_a_case_shows_the_calls_of_its_conversation_and_how_the_connections_were(scene: Scene) -> None:
    about = {"conversation_id": scene.conversation_id, "client_id": new_client_id(), "title": "不加热"}
    case = await scene.agent.ask("case.open", **about)
    assert case["calls"] == []
    call_id = await scene.talk()
    leg_id = scene.media.legs[(await me(scene.buyer, call_id, "buyer"))["participant_id"]]
    report = {"call_id": call_id, "leg_id": leg_id, "round_trip_ms": 40, "step": "full", "sent": FLOW}
    frozen = {**FLOW, "freezes": 1, "frozen_ms": 150}
    for loss in (0, 0, 0.2):
        await scene.buyer.ask("call.report", **report, received={**frozen, "loss": loss})
    since = len(scene.agent.heard)
    await scene.agent.ask("call.hang_up", call_id=call_id)
    await scene.agent.hears("case.changed", since=since)
    (call,) = (await scene.agent.ask("case.read", case_id=case["case"]["case_id"]))["calls"]
    assert (call["call_id"], call["state"], call["reason"]) == (call_id, "ended", "hung_up")
    (buyer,) = call["connections"]
    assert (buyer["role"], buyer["measured"], buyer["fair"], buyer["poor"]) == ("buyer", 2, 0, 1)
    assert (buyer["loss"], buyer["round_trip_ms"], buyer["rejoins"]) == (0.1, 40, 0)
    assert (buyer["sent_kbps"], buyer["received_kbps"]) == (900, 900)
    (went,) = buyer["stretches"]
    assert (went["level"], went["step"]) == ("poor", "full") and call["rang_at"] <= went["from_at"]
    assert went["from_at"] < went["to_at"] <= call["ended_at"]
    assert (buyer["freezes"], buyer["frozen_ms"]) == (3, 450), "what froze between two kept ones counts, too"


async def test_a_leg_that_came_back_within_seconds_is_a_rejoin_on_the_case_and_in_the_metrics(
    scene: Scene,
) -> None:
    about = {"conversation_id": scene.conversation_id, "client_id": new_client_id(), "title": "不加热"}
    case = await scene.agent.ask("case.open", **about)
    call_id = await scene.talk()
    buyer_id = (await me(scene.buyer, call_id, "buyer"))["participant_id"]
    report = {"call_id": call_id, "round_trip_ms": 40, "step": "full", "sent": FLOW, "received": FLOW}
    first = scene.media.legs[buyer_id]
    await scene.buyer.ask("call.report", **report, leg_id=first)
    scene.media.tell("leg_lost", call_id, first)
    await scene.agent.hears("call.reconnecting")
    since = len(scene.agent.heard)
    second = (await scene.join(scene.buyer, call_id))["leg_id"]
    scene.media.tell("leg_up", call_id, second)
    await scene.agent.hears("call.joined", since=since)
    await scene.buyer.ask("call.report", **report, leg_id=second)
    (call,) = (await scene.agent.ask("case.read", case_id=case["case"]["case_id"]))["calls"]
    assert [found["rejoins"] for found in call["connections"]] == [1]
    node = scene.house.node
    assert b"livedesk_call_rejoins_total 1.0" in node.metrics.render(Snapshot(node.signaling.census()))


async def test_a_case_shows_so_many_calls_and_the_newest_of_them(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cases, "CALLS_A_CASE", 2)
    rang = []
    for _ in range(3):
        rang.append(await scene.ring())
        await scene.agent.ask("call.decline", call_id=rang[-1])
    about = {"conversation_id": scene.conversation_id, "client_id": new_client_id(), "title": "未接"}
    case = await scene.agent.ask("case.open", **about)
    assert [call["call_id"] for call in case["calls"]] == [rang[2], rang[1]]


async def test_a_case_shows_so_many_recordings_and_the_newest_of_them(scene: Scene) -> None:
    call_id = await scene.ring()
    await scene.agent.ask("call.decline", call_id=call_id)
    async with scene.house.node.db.write() as unit:
        for number in range(cases.RECORDINGS_A_CASE + 1):
            row = RecordingRow(
                id=f"r-{number}",
                shop_id="cloud",
                call_id=call_id,
                conversation_id=scene.conversation_id,
                state="kept",
                code=None,
                ended_code=None,
                began_at=number,
                ended_at=None,
                duration_ms=None,
                tries=0,
                due=None,
                erasure_asked_at=None,
                restriction_asked_at=None,
                about=None,
            )
            await unit.recordings.add(row)
    about = {"conversation_id": scene.conversation_id, "client_id": new_client_id(), "title": "录像"}
    shown = (await scene.agent.ask("case.open", **about))["recordings"]
    assert [one["began_at"] for one in shown] == list(range(1, cases.RECORDINGS_A_CASE + 1))


async def test_so_many_reports_are_kept_of_a_participant_and_no_more(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(legs, "REPORTS_MOST", 2)
    monkeypatch.setattr(legs, "REPORT_EVERY_MS", 0)
    call_id = await scene.talk()
    leg_id = scene.media.legs[(await me(scene.buyer, call_id, "buyer"))["participant_id"]]
    for _ in range(3):
        await scene.buyer.ask(
            "call.report", call_id=call_id, leg_id=leg_id, sent=FLOW, received=FLOW, step="full"
        )
    async with scene.house.node.db.read() as unit:
        assert len(await unit.calls.quality(call_id)) == 2


async def test_how_calls_fared_and_ended_is_counted_without_naming_anybody(scene: Scene) -> None:
    call_id = await scene.talk()
    participant = (await me(scene.buyer, call_id, "buyer"))["participant_id"]
    leg_id = scene.media.legs[participant]
    frozen = {**FLOW, "freezes": 2, "frozen_ms": 1_500}
    for step in ("full", "low_rate", "low_rate"):
        await scene.buyer.ask(
            "call.report",
            call_id=call_id,
            leg_id=leg_id,
            round_trip_ms=40,
            sent=FLOW,
            received=frozen,
            step=step,
        )
    scene.media.tell("leg_lost", call_id, leg_id)
    await scene.agent.hears("call.reconnecting")
    since = len(scene.agent.heard)
    scene.media.tell("leg_up", call_id, leg_id)
    await scene.agent.hears("call.joined", since=since)
    await scene.buyer.ask("call.hang_up", call_id=call_id)
    await scene.buyer.ask("call.hang_up", call_id=call_id)
    node = scene.house.node
    text = node.metrics.render(Snapshot(node.signaling.census())).decode()
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if line.startswith("livedesk_call"))
    assert float(lines['livedesk_calls_ended_total{connected="yes",reason="hung_up"}']) == 1
    assert float(lines["livedesk_call_seconds_count"]) == 1
    assert float(lines['livedesk_call_reports_total{level="fair",step="low_rate"}']) == 2
    assert float(lines['livedesk_call_ladder_steps_total{step="low_rate"}']) == 1
    assert float(lines["livedesk_call_freezes_total"]) == 6
    assert float(lines["livedesk_call_frozen_seconds_total"]) == 4.5
    assert float(lines["livedesk_call_rejoins_total"]) == 1
    assert float(lines['livedesk_call_kbps_count{direction="sent"}']) == 3
    assert float(lines["livedesk_call_round_trip_seconds_sum"]) == pytest.approx(0.12)
    assert participant not in text and call_id not in text


async def test_an_agent_asks_the_buyers_camera_for_a_still(scene: Scene) -> None:
    call_id = await scene.talk()
    wish = {"call_id": call_id, "client_id": new_client_id()}
    asked = await scene.agent.ask("call.still", **wish)
    card = await scene.buyer.hears("chat.posted", lambda said: said["entry"]["seq"] == asked["list_seq"])
    assert [shot["label"] for shot in card["entry"]["body"]["shots"]] == ["高清照片"]
    heard = await scene.buyer.hears("call.still_asked")
    assert heard["list_seq"] == asked["list_seq"]
    assert heard["participant_id"] == (await me(scene.buyer, call_id, "buyer"))["participant_id"]
    assert await scene.agent.ask("call.still", **wish) == asked, "the same wish again is the same list"
    lead = await boss(scene)
    await lead.ask("call.listen", call_id=call_id)
    await scene.join(lead, call_id)
    await lead.ask("call.barge", call_id=call_id)
    assert await refused(lead, "call.still", call_id=call_id, client_id=new_client_id()) == "forbidden"


async def test_an_agent_sets_torch_and_zoom_of_the_buyers_camera_within_what_it_can(scene: Scene) -> None:
    call_id = await scene.talk()
    torch = {"call_id": call_id, "torch": True}
    assert await refused(scene.agent, "call.adjust", **torch) == "camera_incapable", "nothing was told of it"
    assert await refused(scene.agent, "call.adjust", call_id=call_id) == "bad_request", "nothing is asked for"
    zoom = {"least": 1.0, "most": 4.0, "now": 1.0}
    await scene.buyer.ask("call.set", call_id=call_id, camera=True, controls={"torch": False, "zoom": zoom})
    assert "call.changed" in scene.agent.names()
    buyer = await me(scene.agent, call_id, "buyer")
    assert buyer["controls"] == {"torch": False, "zoom": zoom}
    asked = await scene.agent.ask("call.adjust", **torch, zoom=4.0)
    assert asked == {**torch, "participant_id": buyer["participant_id"], "zoom": 4.0}
    assert await scene.buyer.hears("call.adjust_asked") == asked
    assert await me(scene.agent, call_id, "buyer") == buyer, "it is lit when the buyer's page says so"
    for beyond in (4.001, 0.999):
        assert await refused(scene.agent, "call.adjust", call_id=call_id, zoom=beyond) == "camera_incapable"

    lead = await boss(scene)
    await lead.ask("call.listen", call_id=call_id)
    await scene.join(lead, call_id)
    assert await refused(lead, "call.adjust", **torch) == "forbidden"
    await lead.ask("call.barge", call_id=call_id)
    assert await refused(lead, "call.adjust", **torch) == "forbidden"
    link = {"call_id": call_id, "client_id": new_client_id(), "name": "仓库"}
    guest = await scene.house.socket("/guest", (await scene.agent.ask("call.invite_guest", **link))["token"])
    await scene.join(guest, call_id)
    assert await refused(guest, "call.adjust", **torch) == "unknown_command"
    assert await refused(scene.buyer, "call.adjust", **torch) == "unknown_command"

    await scene.buyer.ask("call.set", call_id=call_id, camera=False)
    assert await refused(scene.agent, "call.adjust", **torch) == "camera_incapable", "the camera is off"


async def test_who_is_being_waited_for_is_asked_for_no_light(scene: Scene) -> None:
    call_id = await scene.talk()
    await scene.buyer.ask("call.set", call_id=call_id, camera=True, controls={"torch": False})
    buyer = (await me(scene.buyer, call_id, "buyer"))["participant_id"]
    scene.media.tell("leg_lost", call_id, scene.media.legs[buyer])
    await scene.agent.hears("call.reconnecting")
    assert await refused(scene.agent, "call.adjust", call_id=call_id, torch=True) == "not_joined"


async def test_of_many_who_left_a_call_the_last_are_shown_and_whom_it_is_about(scene: Scene) -> None:
    call_id = await scene.talk()
    async with scene.house.node.db.read() as unit:
        record = await unit.calls.get(call_id)
    assert record is not None
    left = [
        Participant(f"g{number}", "guest", f"g{number}", "老李", state="left") for number in range(LEFT_SHOWN)
    ]
    full = replace(record, call=replace(record.call, participants=(*record.call.participants, *left)))

    def shown(record: CallRecord, about: str | None = None) -> list[str]:
        return [
            each.participant_id for each in view(record, about=about).participants if each.role == "guest"
        ]

    everyone = [each.id for each in left]
    assert shown(full) == everyone
    late = Participant("late", "guest", "late", "老王", state="left")
    beyond = replace(full, call=replace(full.call, participants=(*full.call.participants, late)))
    assert shown(beyond) == [*everyone[1:], "late"]
    assert shown(beyond, "g0") == ["g0", *everyone[2:], "late"]


async def test_a_supervisor_is_told_when_there_are_more_calls_than_are_listed(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead, call_id = await boss(scene), await scene.ring()
    for page, shown, more in ((1, [call_id], False), (0, [], True)):
        monkeypatch.setattr("protocol.call.CALLS_PAGE", page)
        listed = await lead.ask("call.list", shop_id="cloud")
        assert ([call["call_id"] for call in listed["calls"]], listed["more"]) == (shown, more)


async def test_a_supervisor_listens_and_whispers_unseen_by_the_buyer_and_barges_in_seen(scene: Scene) -> None:
    call_id = await scene.talk()
    lead = await boss(scene)
    assert [call["call_id"] for call in (await lead.ask("call.list", shop_id="cloud"))["calls"]] == [call_id]
    unseen = len(scene.buyer.heard)
    await lead.ask("call.listen", call_id=call_id)
    seen = await scene.agent.hears("call.changed")
    assert [each["role"] for each in seen["call"]["participants"]] == ["buyer", "agent", "supervisor"]
    joined = await scene.join(lead, call_id)
    assert await refused(lead, "call.set", call_id=call_id, microphone=True) == "forbidden"
    assert (
        await refused(lead, "call.mark", call_id=call_id, mark=circle(joined["participant_id"]))
        == "forbidden"
    )
    await lead.ask("call.whisper", call_id=call_id)
    await lead.ask("call.consent", call_id=call_id, granted=True, **CONSENT)
    await scene.agent.hears(
        "call.changed", lambda said: said["call"]["participants"][-1]["consent"] == "granted"
    )
    assert len((await scene.buyer.ask("call.load"))["calls"][0]["participants"]) == 2
    assert scene.buyer.heard[unseen:] == [], "not even that something changed"
    await lead.ask("call.barge", call_id=call_id)
    known = await scene.buyer.hears("call.changed", lambda said: len(said["call"]["participants"]) == 3)
    assert known["call"]["participants"][2]["name"] == "主管"
    since = len(scene.buyer.heard)
    await lead.ask("call.listen", call_id=call_id)
    gone = await scene.buyer.hears("call.changed", since=since)
    assert len(gone["call"]["participants"]) == 2 and gone["participant_id"] is None
    assert await acts(scene, call_id) == ["call.listener", "call.whisper", "call.barge", "call.listener"]
    await lead.ask("call.hang_up", call_id=call_id)
    assert (await me(scene.buyer, call_id, "agent"))["state"] == "joined", "the call goes on without him"
    assert await refused(scene.agent, "call.listen", call_id=call_id) == "forbidden"


async def test_a_supervisor_takes_conversation_and_call_over(scene: Scene) -> None:
    call_id = await scene.talk()
    lead = await boss(scene)
    await lead.ask("call.listen", call_id=call_id)
    await scene.join(lead, call_id)
    taken = await lead.ask("call.take_over", call_id=call_id)
    agents = {
        each["name"]: each["state"] for each in taken["call"]["participants"] if each["role"] == "agent"
    }
    assert agents == {"小美": "left", "主管": "joined"} and taken["call"]["state"] == "connected"
    owned = await lead.hears("conversation.taken")
    assert owned["owner_id"] == scene.house.people["s1"]
    assert (await scene.units(), await scene.units("s1")) == (0, 100)
    assert await refused(
        scene.agent, "call.invite", conversation_id=scene.conversation_id, client_id=new_client_id(),
        media="video", fence=scene.fence,
    ) == "stale_fence"  # fmt: skip
    again = await lead.ask("call.take_over", call_id=call_id)
    assert again["call"] == taken["call"]
    assert await acts(scene, call_id) == ["call.listener", "call.take_over"]


async def test_a_guest_comes_by_a_link_into_this_call_alone_until_it_is_revoked(scene: Scene) -> None:
    call_id = await scene.talk()
    asked = {"call_id": call_id, "client_id": new_client_id(), "name": "仓库老李"}
    first = await scene.agent.ask("call.invite_guest", **asked)
    invited = await scene.agent.ask("call.invite_guest", **asked)
    assert invited["participant_id"] == first["participant_id"]
    with pytest.raises(ConnectionError):
        await scene.house.socket("/guest", first["token"])
    guest = await scene.house.socket("/guest", invited["token"])
    (call,) = (await guest.ask("call.load"))["calls"]
    assert call["call_id"] == call_id and call["participants"][-1]["name"] == "仓库老李"
    await scene.join(guest, call_id)
    buyer = (await me(scene.agent, call_id, "buyer"))["participant_id"]
    await guest.ask("call.mark", call_id=call_id, mark=circle(buyer))
    assert (await scene.buyer.hears("call.marked"))["entry"]["participant_id"] == invited["participant_id"]
    assert await refused(guest, "call.hang_up", call_id="0" * 32) == "not_found"
    another = {**asked, "client_id": new_client_id()}
    assert await refused(scene.agent, "call.invite_guest", **another) == "too_many", "one seat"
    await scene.agent.ask("call.revoke_guest", call_id=call_id, participant_id=invited["participant_id"])
    await scene.buyer.hears("call.left")
    await guest.gone.wait()
    with pytest.raises(ConnectionError):
        await scene.house.socket("/guest", invited["token"])
    assert await refused(scene.agent, "call.invite_guest", **asked) == "conflict", "revoked for good"
    assert await acts(scene, call_id) == [
        "call.invite_guest",
        "call.invite_guest",
        "call.guest_came",
        "call.revoke_guest",
    ]


@pytest.mark.parametrize("subject", ["xiaoyu", None], ids=["signed in", "visitor"])
async def test_a_buyer_goes_on_in_another_browser_by_a_code_that_is_good_once(
    tmp_path: Path, subject: str | None
) -> None:
    async with staged(new_sqlite(tmp_path), tmp_path, subject) as scene:
        await goes_on_elsewhere(scene)


async def goes_on_elsewhere(scene: Scene) -> None:
    call_id = await scene.talk()
    link = await scene.buyer.ask("call.link", conversation_id=scene.conversation_id)
    by_code = {"shop": "cloud", "code": link["code"]}
    with pytest.raises(Refusal) as elsewhere:
        await scene.house.post("/api/v1/buyer/session", by_code | {"shop": "river"})
    assert elsewhere.value.code == "code_used", "and it is used up by that"
    link = await scene.buyer.ask("call.link", conversation_id=scene.conversation_id)
    session = await scene.house.post("/api/v1/buyer/session", by_code | {"code": link["code"]})
    with pytest.raises(Refusal) as again:
        await scene.house.post("/api/v1/buyer/session", by_code | {"code": link["code"]})
    assert again.value.code == "code_used"
    assert session["visitor"] is None
    browser = await scene.house.socket("/buyer", session["token"])
    assert await refused(browser, "call.join", call_id=call_id) == "elsewhere"
    await scene.join(browser, call_id, move=True)
    await scene.buyer.hears("call.moved")


async def test_a_link_leads_into_the_call_that_rang_long_after_the_ring_would_have_been_over(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = scene.house.node.db
    epoch_ms = db.clock
    call_id = await scene.ring("agent")
    link = await scene.buyer.ask("call.link", conversation_id=scene.conversation_id)
    answered_at = (await scene.agent.hears("call.answered"))["call"]["answered_at"]
    assert (link["waits_until"], link["expires_at"]) == (answered_at + BROWSER_MS, answered_at + LINK_MS)
    await scene.join(scene.agent, call_id)
    await scene.later(90_000)
    monkeypatch.setattr(db, "clock", lambda: epoch_ms() + 90_000)
    session = await scene.house.post("/api/v1/buyer/session", {"shop": "cloud", "code": link["code"]})
    browser = await scene.house.socket("/buyer", session["token"])
    assert [each["call_id"] for each in (await browser.ask("call.load"))["calls"]] == [call_id]
    joined = await scene.join(browser, call_id)
    assert joined["call"]["call_id"] == call_id
    await scene.agent.hears("call.joined", lambda said: said["call"]["state"] == "connected")


async def test_a_link_without_a_call_rings_nowhere_and_ends_with_its_time(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = scene.house.node.db
    epoch_ms = db.clock
    link = await scene.buyer.ask("call.link", conversation_id=scene.conversation_id)
    assert link["waits_until"] is None
    assert (await scene.agent.ask("call.load"))["calls"] == []
    monkeypatch.setattr(db, "clock", lambda: epoch_ms() + LINK_MS)
    with pytest.raises(Refusal) as late:
        await scene.house.post("/api/v1/buyer/session", {"shop": "cloud", "code": link["code"]})
    assert late.value.code == "code_used"
