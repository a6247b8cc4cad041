"""A list of pictures from the asking to the still on both sides, and who may not have any part in it."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protocol.errors import Refused
from protocol.files import LINKS_A_CALL, MAX_PICTURE_BYTES
from protocol.shots import SHOTS_A_LIST
from server.auth.links import LINK_MS, Viewer
from server.desk import pictures
from server.identifiers import new_client_id
from tests.desk.house import House, Person, Refusal, furnished
from tests.files.drawing import bomb, encoded, scene
from tests.services.databases import new_sqlite

SHOTS = [{"label": "吊牌", "hint": "款号看得清", "frame": "tag"}, {"label": "瑕疵特写", "frame": "detail"}]


async def talking(
    house: House, subject: str = "xiaoyu", shop: str = "cloud"
) -> tuple[Person, Person, str, int]:
    """An agent and a buyer in a conversation; its id and fence."""
    agent = await house.agent("a1", shop=shop)
    buyer = await house.buyer(subject, shop=shop)
    opened = await buyer.ask("conversation.open", client_id=new_client_id())
    found = opened["conversation_id"]
    taken = await agent.hears("conversation.taken", lambda e: e["conversation_id"] == found)
    return agent, buyer, found, taken["fence"]


async def ask_for(agent: Person, conversation: str, fence: int, **more: Any) -> int:
    asked = {"conversation_id": conversation, "client_id": new_client_id(), "fence": fence, "shots": SHOTS}
    sent = await agent.ask("shots.request", **(asked | more))
    return int(sent["seq"])


async def fill(buyer: Person, conversation: str, seq: int, shot: int, file_id: str, **more: Any) -> Any:
    return await buyer.ask(
        "shots.fill",
        **(
            {
                "conversation_id": conversation,
                "client_id": new_client_id(),
                "list_seq": seq,
                "shot": shot,
                "file_id": file_id,
            }
            | more
        ),
    )


async def refusal(awaited: Any) -> str:
    with pytest.raises(Refusal) as refused:
        await awaited
    return refused.value.code


def kind(wanted: str) -> Any:
    return lambda event: event["entry"]["kind"] == wanted


async def seen(house: House, person: Person, file_id: str, **headers: str) -> tuple[int, bytes, Any]:
    """What an address that this person asked for shows."""
    (link,) = (await person.ask("file.link", file_ids=[file_id]))["links"]
    return await at(house, link["url"], **headers)


async def at(house: House, url: str, **headers: str) -> tuple[int, bytes, Any]:
    async with house.http.get(house.url + url, headers=headers) as answer:
        return answer.status, await answer.read(), answer.headers


async def test_a_list_is_asked_for_filled_skipped_and_taken_again_live_on_both_sides(house: House) -> None:
    agent, buyer, conversation, fence = await talking(house)
    opened = {"conversation_id": conversation, "client_id": new_client_id(), "title": "领口开线"}
    case = (await agent.ask("case.open", **opened))["case"]
    seq = await ask_for(agent, conversation, fence)
    card = await buyer.hears("chat.posted", lambda e: e["entry"]["seq"] == seq)
    assert [shot["label"] for shot in card["entry"]["body"]["shots"]] == ["吊牌", "瑕疵特写"]
    file = await house.upload(buyer, conversation, encoded(scene(1)))
    await fill(buyer, conversation, seq, 0, file["file_id"], doubts=["dark"])
    still = (await agent.hears("chat.posted", kind("still")))["entry"]
    assert (still["list_seq"], still["shot"], still["label"], still["doubts"]) == (seq, 0, "吊牌", ["dark"])
    assert still["sha256"] == file["sha256"]
    await agent.hears("case.changed", lambda e: e["case"]["stills"] == 1)
    assert (await agent.ask("case.read", case_id=case["case_id"]))["stills"] == [still]
    place = {"conversation_id": conversation, "list_seq": seq, "shot": 1}
    await buyer.ask("shots.skip", **place, client_id=new_client_id(), reason="看不出来")
    assert (await agent.hears("chat.posted", kind("skipped")))["entry"]["reason"] == "看不出来"
    await agent.ask("shots.retake", **place, client_id=new_client_id(), fence=fence, note="再近一点")
    assert (await buyer.hears("chat.posted", kind("retake")))["entry"]["note"] == "再近一点"
    # Whoever was away reads the same from the log.
    page = await buyer.ask("chat.sync", conversation_id=conversation, after_seq=0, epoch=house.node.db.epoch)
    assert [e["kind"] for e in page["entries"]] == ["assigned", "card", "still", "skipped", "retake"]
    for person in (agent, buyer):
        status, content, headers = await seen(house, person, file["file_id"])
        assert status == 200
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert headers["Content-Disposition"].startswith("attachment")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Type"] == "image/jpeg"
        assert "sandbox" in headers["Content-Security-Policy"]


async def test_parts_of_a_picture_are_served_and_one_that_is_known_is_not_sent_again(house: House) -> None:
    _, buyer, conversation, _ = await talking(house)
    file = await house.upload(buyer, conversation, encoded(scene(1)))
    _, whole, headers = await seen(house, buyer, file["file_id"])
    size = len(whole)
    for asked, part, said in (
        ("bytes=0-9", whole[:10], f"bytes 0-9/{size}"),
        ("bytes=10-", whole[10:], f"bytes 10-{size - 1}/{size}"),
        ("bytes=-5", whole[-5:], f"bytes {size - 5}-{size - 1}/{size}"),
        (f"bytes=5-{size * 2}", whole[5:], f"bytes 5-{size - 1}/{size}"),
    ):
        status, content, answered = await seen(house, buyer, file["file_id"], Range=asked)
        assert (status, content, answered["Content-Range"]) == (206, part, said)
    status, content, _ = await seen(house, buyer, file["file_id"], Range=f"bytes={size}-")
    assert (status, content) == (416, b"")
    assert (await seen(house, buyer, file["file_id"], Range="lines=1-2"))[0] == 200
    again = await seen(house, buyer, file["file_id"], **{"If-None-Match": headers["ETag"]})
    assert (again[0], again[1]) == (304, b"")


async def test_a_picture_sent_twice_under_one_client_id_is_kept_once(house: House) -> None:
    _, buyer, conversation, _ = await talking(house)
    client_id, content = new_client_id(), encoded(scene(1))
    first = await house.upload(buyer, conversation, content, client_id)
    second = await house.upload(buyer, conversation, encoded(scene(2)), client_id)
    assert first == second
    same = new_client_id()
    at_once = await asyncio.gather(*(house.upload(buyer, conversation, content, same) for _ in range(3)))
    assert len({each["file_id"] for each in at_once}) == 1
    async with house.node.db.read() as unit:
        assert await unit.files.count(conversation) == 2
    kept = [path for path in (house.node.settings.data / "files").rglob("*") if path.is_file()]
    assert len(kept) == 2


@pytest.mark.parametrize(
    "content, code",
    [
        (b"", "not_a_picture"),
        (b"<svg onload=alert(1)>", "not_a_picture"),
        (encoded(scene())[:2_000], "not_a_picture"),
        (bomb(), "too_many_pixels"),
        (b"\xff\xd8\xff" + b"x" * (MAX_PICTURE_BYTES - 2), "too_large"),
    ],
    ids=["nothing", "svg", "cut", "bomb", "one byte too many"],
)
async def test_hostile_bytes_get_a_code_and_leave_nothing(house: House, content: bytes, code: str) -> None:
    _, buyer, conversation, _ = await talking(house)
    assert await refusal(house.upload(buyer, conversation, content)) == code
    async with house.node.db.read() as unit:
        assert await unit.files.count(conversation) == 0
    assert not [path for path in (house.node.settings.data / "files").rglob("*") if path.is_file()]


async def test_no_name_of_the_clients_reaches_the_disk(house: House) -> None:
    _, buyer, conversation, _ = await talking(house)
    for name in ("..%2f..%2fetc", "photo.jpg", "0", "\u202egpj.exe"):
        assert await refusal(house.upload(buyer, conversation, encoded(scene()), name)) == "bad_request"


async def test_the_picture_after_the_last_is_one_too_many(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, buyer, conversation, _ = await talking(house)
    monkeypatch.setattr(pictures, "FILES_A_CONVERSATION", 2)
    for seed in (1, 2):
        await house.upload(buyer, conversation, encoded(scene(seed)))
    with pytest.raises(Refusal) as refused:
        await house.upload(buyer, conversation, encoded(scene(3)))
    assert (refused.value.code, refused.value.data) == ("too_many", {"limit": "files_a_conversation"})


async def test_a_buyer_who_has_used_up_his_day_waits(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    _, buyer, conversation, _ = await talking(house)
    first = await house.upload(buyer, conversation, encoded(scene(1)))
    monkeypatch.setattr(pictures, "BYTES_A_DAY", first["size"] + 1)
    second = await house.upload(buyer, conversation, encoded(scene(2)))
    assert second["size"] > 1
    with pytest.raises(Refusal) as refused:
        await house.upload(buyer, conversation, encoded(scene(3)))
    assert (refused.value.code, refused.value.data) == ("too_many", {"limit": "bytes_a_day"})


async def test_what_a_killed_server_left_on_the_shelf_is_taken_away_and_nothing_else(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    agent, buyer, conversation, _ = await talking(house)
    kept = await house.upload(buyer, conversation, encoded(scene(1)))
    async with house.node.db.read() as unit:
        file = await unit.files.get(kept["file_id"])
    assert file is not None
    folder = house.node.settings.data / "files" / "cloud"
    uploads, clock = house.node.uploads, house.node.merchant.world.clock

    def files_there() -> set[str]:
        return {path.name for path in folder.iterdir()}

    class Killed(BaseException):
        """Whoever is killed clears nothing up."""

    async def killed(*_: Any) -> Any:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(uploads, "_add", killed)
        patched.setattr(uploads, "_take_away", killed)
        for _ in range(2):
            with pytest.raises(Killed):
                await uploads.store(file.buyer_id, conversation, new_client_id(), encoded(scene(2)))
    left = files_there() - {kept["file_id"]}
    assert len(left) == 2
    # Another one died while it was being written.
    first = min(left)
    (folder / first).rename(folder / f"{first}#1")
    await uploads.sweep()
    assert len(files_there()) == 3, "somebody may still be at it"
    monkeypatch.setattr(
        uploads, "world", replace(uploads.world, clock=lambda: clock() + pictures.LEFT_MS + 1)
    )
    await uploads.sweep()
    assert files_there() == {kept["file_id"]}
    assert (await seen(house, agent, kept["file_id"]))[0] == 200


async def test_pictures_lie_in_a_bucket_where_one_is_set_and_are_taken_away_from_there(
    tmp_path: Path, bucket: str
) -> None:
    async with furnished(new_sqlite(tmp_path), tmp_path, files_url=bucket) as house:
        agent, buyer, conversation, fence = await talking(house)
        seq = await ask_for(agent, conversation, fence)
        file = await house.upload(buyer, conversation, encoded(scene(1)))
        await fill(buyer, conversation, seq, 0, file["file_id"])
        _, whole, _ = await seen(house, agent, file["file_id"])
        assert hashlib.sha256(whole).hexdigest() == file["sha256"]
        status, part, _ = await seen(house, agent, file["file_id"], Range="bytes=10-19")
        assert (status, part) == (206, whole[10:20])
        assert not (tmp_path / "files").exists()
        uploads = house.node.uploads
        async with house.node.db.write() as unit:
            known = await unit.files.get(file["file_id"])
            assert known is not None
            left = replace(known, id="left")
            await unit.files.begin(left, now=0)
        await uploads._shelf.put(left.name, b"left behind")
        await uploads.sweep()
        with pytest.raises(Refused):
            await uploads.read(left, 0, 4)
        assert await uploads.read(known, 0, 3) == b"\xff\xd8\xff"


async def test_so_many_left_files_are_taken_away_at_a_sweep(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pictures, "LEFT_AT_ONCE", 2)
    monkeypatch.setattr(pictures, "LEFT_MS", -1)
    _, buyer, conversation, _ = await talking(house)
    found = await house.upload(buyer, conversation, encoded(scene(1)))
    async with house.node.db.write() as unit:
        file = await unit.files.get(found["file_id"])
        assert file is not None
        for number in range(3):
            await unit.files.begin(replace(file, id=f"left-{number}"), now=file.stored_at - 3 + number)
    taken: list[str] = []

    async def remove(name: str) -> bool:
        taken.append(name)
        return name != "cloud/left-0"  # the shelf cannot, this time

    monkeypatch.setattr(house.node.uploads._shelf, "remove", remove)
    for expected in (["left-0", "left-1"], ["left-0", "left-2"], ["left-0"]):
        taken.clear()
        await house.node.uploads.sweep()
        assert sorted(taken) == [f"cloud/{each}" for each in expected]


async def test_a_file_that_was_given_up_gets_no_row_any_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, buyer, conversation, _ = await talking(house)
    monkeypatch.setattr(pictures, "LEFT_MS", -1)
    uploads = house.node.uploads
    put = uploads._shelf.put

    async def slow(name: str, content: bytes) -> None:
        await put(name, content)
        await uploads.sweep()

    monkeypatch.setattr(uploads._shelf, "put", slow)
    assert await refusal(house.upload(buyer, conversation, encoded(scene(1)))) == "retry"
    monkeypatch.undo()
    async with house.node.db.read() as unit:
        assert await unit.files.count(conversation) == 0
    await house.upload(buyer, conversation, encoded(scene(1)))


async def test_a_list_of_twelve_pictures_is_taken_and_one_of_thirteen_is_not(house: House) -> None:
    agent, _, conversation, fence = await talking(house)
    twelve = [{"label": f"第 {number} 张"} for number in range(1, SHOTS_A_LIST + 1)]
    await ask_for(agent, conversation, fence, shots=twelve)
    thirteen = [*twelve, {"label": "多一张"}]
    assert await refusal(ask_for(agent, conversation, fence, shots=thirteen)) == "bad_request"
    await house.put("/api/v1/products/mug", {"title": "马克杯"})
    own = "/api/v1/products/mug/shot-list"
    assert (await house.put(own, {"shots": twelve}))["changed"] is True
    with pytest.raises(Refusal) as refused:
        await house.put(own, {"shots": thirteen})
    assert refused.value.code == "bad_request"


async def test_fifty_addresses_are_given_at_once_and_fifty_one_are_refused(house: House) -> None:
    _, buyer, conversation, _ = await talking(house)
    file_id = (await house.upload(buyer, conversation, encoded(scene(1))))["file_id"]
    asked = [file_id] * LINKS_A_CALL
    assert len((await buyer.ask("file.link", file_ids=asked))["links"]) == LINKS_A_CALL
    assert await refusal(buyer.ask("file.link", file_ids=[*asked, file_id])) == "bad_request"


async def test_nobody_else_sends_fills_or_sees(house: House) -> None:
    agent, buyer, conversation, fence = await talking(house)
    seq = await ask_for(agent, conversation, fence)
    file = await house.upload(buyer, conversation, encoded(scene(1)))
    stranger = await house.buyer("somebody-else")
    foreign = await house.agent("b1", shop="river")
    other_shop = await house.buyer("xiaoyu", shop="river")
    for person in (stranger, other_shop):
        for place in (conversation, "nowhere"):
            assert await refusal(house.upload(person, place, encoded(scene(2)))) == "not_found"
            assert await refusal(fill(person, place, seq, 0, file["file_id"])) == "not_found"
    for person in (stranger, other_shop, foreign):
        for file_id in (file["file_id"], "no-such-file"):
            assert await refusal(person.ask("file.link", file_ids=[file_id])) == "not_found"
    # A foreign file cannot be put into one's own conversation.
    own = (await stranger.ask("conversation.open", client_id=new_client_id()))["conversation_id"]
    taken = await agent.hears("conversation.taken", lambda e: e["conversation_id"] == own)
    theirs = await ask_for(agent, own, taken["fence"])
    assert await refusal(fill(stranger, own, theirs, 0, file["file_id"])) == "not_found"
    assert await refusal(ask_for(foreign, conversation, fence)) == "not_found"
    colleague = await house.agent("a2")
    assert await refusal(ask_for(colleague, conversation, fence)) == "stale_fence"
    assert await refusal(ask_for(agent, conversation, fence - 1)) == "stale_fence"


async def test_an_address_is_for_one_session_one_file_and_some_minutes(house: House) -> None:
    agent, buyer, conversation, _ = await talking(house)
    file = (await house.upload(buyer, conversation, encoded(scene(1))))["file_id"]
    other = (await house.upload(buyer, conversation, encoded(scene(2))))["file_id"]
    (link,) = (await buyer.ask("file.link", file_ids=[file]))["links"]
    (theirs,) = (await agent.ask("file.link", file_ids=[file]))["links"]
    url: str = link["url"]
    assert (await at(house, url))[0] == 200
    session = url.split("session=")[1].split("&")[0]
    another = theirs["url"].split("session=")[1].split("&")[0]
    until = url.split("until=")[1].split("&")[0]
    changed = (
        url.replace(file, other),
        url.replace(session, another),
        url.replace("for=buyer", "for=agent"),
        url.replace(until, str(int(until) + 1)),
        url[:-1] + ("A" if url[-1] != "A" else "B"),
        f"/files/{file}",
        f"/files/{file}?for=x&session=&until=9&signature=",
        url.replace(file, "..%2f..%2flivedesk.db"),
        "/files/no-such-file?" + url.split("?")[1],
        url + "&signature=" + "x" * 500,
    )
    answers = {(await at(house, each))[:2] for each in changed[:-1]}
    assert len(answers) == 1, "each looks like a file that is not there"
    assert answers.pop()[0] == 404
    links = house.node.links
    old = links.address(Viewer("buyer", session), file, house.node.db.clock() - 1)
    assert (await at(house, old))[0] == 404
    assert int(until) <= house.node.db.clock() + LINK_MS
    # The session ends, and with it every address that it was given.
    headers = {"Authorization": f"Bearer {buyer.token}"}
    async with house.http.delete(house.url + "/api/v1/buyer/session", headers=headers) as ended:
        assert ended.status == 200
    assert (await at(house, url))[0] == 404
    assert (await at(house, theirs["url"]))[0] == 200


async def test_a_shot_is_only_filled_where_it_is_asked_for(house: House) -> None:
    agent, buyer, conversation, fence = await talking(house)
    seq = await ask_for(agent, conversation, fence)
    text = (await agent.say(conversation, "拍一下吧", fence=fence))["seq"]
    file = (await house.upload(buyer, conversation, encoded(scene(1))))["file_id"]
    for list_seq, shot in ((text, 0), (seq, 2), (seq + 50, 0)):
        assert await refusal(fill(buyer, conversation, list_seq, shot, file)) == "not_found"
    await fill(buyer, conversation, seq, 0, file)
    assert await refusal(fill(buyer, conversation, seq, 1, file)) == "conflict"
    again = await ask_for(agent, conversation, fence)
    await agent.ask(
        "chat.recall", conversation_id=conversation, client_id=new_client_id(), seq=again, fence=fence
    )
    fresh = (await house.upload(buyer, conversation, encoded(scene(2))))["file_id"]
    assert await refusal(fill(buyer, conversation, again, 0, fresh)) == "not_found"


async def test_a_repeated_fill_gets_the_same_answer(house: House) -> None:
    agent, buyer, conversation, fence = await talking(house)
    seq = await ask_for(agent, conversation, fence)
    file = (await house.upload(buyer, conversation, encoded(scene(1))))["file_id"]
    client_id = new_client_id()
    first = await fill(buyer, conversation, seq, 0, file, client_id=client_id)
    assert await fill(buyer, conversation, seq, 0, file, client_id=client_id) == first


async def test_a_closed_conversation_takes_no_picture(house: House) -> None:
    agent, buyer, conversation, fence = await talking(house)
    seq = await ask_for(agent, conversation, fence)
    file = (await house.upload(buyer, conversation, encoded(scene(1))))["file_id"]
    await buyer.ask("conversation.close", conversation_id=conversation, client_id=new_client_id())
    assert await refusal(house.upload(buyer, conversation, encoded(scene(2)))) == "conversation_closed"
    assert await refusal(fill(buyer, conversation, seq, 0, file)) == "conversation_closed"
    # What was stored before is still shown.
    assert (await seen(house, agent, file))[0] == 200


async def test_a_picture_that_was_there_before_is_told_to_agents_alone(house: House) -> None:
    agent, first, conversation, fence = await talking(house, "first")
    seq = await ask_for(agent, conversation, fence)
    file = await house.upload(first, conversation, encoded(scene(3, (1_200, 900))))
    await fill(first, conversation, seq, 0, file["file_id"])
    case = await agent.ask(
        "case.open", conversation_id=conversation, client_id=new_client_id(), title="领口开线"
    )
    _, second, later, fence = await talking(house, "second")
    seq = await ask_for(agent, later, fence)
    copy = await house.upload(second, later, encoded(scene(3, (1_200, 900)).resize((700, 525)), quality=60))
    await fill(second, later, seq, 1, copy["file_id"])
    noted = await agent.hears("chat.noted", kind("reused"))
    entry = noted["entry"]
    assert (noted["conversation_id"], entry["label"]) == (later, "瑕疵特写")
    assert (entry["conversation_id"], entry["case_number"]) == (conversation, case["case"]["number"])
    assert entry["bits"] <= 6
    assert "chat.noted" not in second.names()
    page = await second.ask("chat.sync", conversation_id=later, after_seq=0, epoch=house.node.db.epoch)
    assert "reused" not in str(page)
    assert conversation not in str(page)
    # Another picture is no copy, and the same one in another shop is nobody's business.
    fresh = await house.upload(second, later, encoded(scene(9)))
    await fill(second, later, seq, 0, fresh["file_id"])
    _, elsewhere, foreign, fence = await talking(house, "third", shop="river")
    there = await house.agent("a1", shop="river")
    seq = await ask_for(there, foreign, fence)
    same = await house.upload(elsewhere, foreign, encoded(scene(3, (1_200, 900))))
    await fill(elsewhere, foreign, seq, 0, same["file_id"])
    for place in (later, foreign):
        page = await there.ask("chat.sync", conversation_id=foreign, after_seq=0, epoch=house.node.db.epoch)
        assert [e["kind"] for e in page["desk_entries"] if e["kind"] == "reused"] == [], place
    page = await agent.ask("chat.sync", conversation_id=later, after_seq=0, epoch=house.node.db.epoch)
    assert [e["label"] for e in page["desk_entries"] if e["kind"] == "reused"] == ["瑕疵特写"]


async def test_a_picture_is_compared_with_so_many_of_the_newest_and_with_no_older_one(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    same = encoded(scene(3, (1_200, 900)))
    for name, newest, told in (
        ("first", 1, 0),
        ("second", 1, 1),
        ("other", 1, 0),
        ("third", 1, 0),
        ("last", 3, 1),
    ):
        monkeypatch.setattr(pictures, "COMPARED", newest)
        agent, buyer, conversation, fence = await talking(house, name)
        seq = await ask_for(agent, conversation, fence)
        shown = encoded(scene(9)) if name == "other" else same
        file = await house.upload(buyer, conversation, shown)
        await fill(buyer, conversation, seq, 0, file["file_id"])
        page = await agent.ask(
            "chat.sync", conversation_id=conversation, after_seq=0, epoch=house.node.db.epoch
        )
        assert sum(entry["kind"] == "reused" for entry in page["desk_entries"]) == told, name


async def test_the_list_to_ask_for_is_the_products_own_or_the_usual_one(house: House) -> None:
    await house.put("/api/v1/products/mug", {"title": "马克杯"})
    put = {"shots": [{"label": "杯底", "hint": "款号", "frame": "detail"}]}
    stored = await house.put("/api/v1/products/mug/shot-list", put)
    assert stored == {"id": "mug", "changed": True}
    assert (await house.put("/api/v1/products/mug/shot-list", put))["changed"] is False
    agent, buyer = await house.agent("a1"), await house.buyer()
    opened = await buyer.ask("conversation.open", client_id=new_client_id(), product_id="mug")
    look = await agent.ask("conversation.look", conversation_id=opened["conversation_id"])
    assert look["shots"] == put["shots"]
    # Who comes with an order is asked for its product's pictures.
    line = {"line_id": "l1", "product_id": "mug", "title": "马克杯", "quantity": 1, "price": 100}
    order = {
        "buyer": "mei",
        "status": "paid",
        "placed_at": "2025-11-24T12:00:00Z",
        "total": 100,
        "lines": [line],
    }
    await house.put("/api/v1/orders/o1", order)
    ordered = await (await house.buyer("mei")).ask(
        "conversation.open", client_id=new_client_id(), order_id="o1"
    )
    look = await agent.ask("conversation.look", conversation_id=ordered["conversation_id"])
    assert look["shots"] == put["shots"]
    await house.put("/api/v1/products/mug/shot-list", {"shots": []})
    look = await agent.ask("conversation.look", conversation_id=opened["conversation_id"])
    assert [shot["label"] for shot in look["shots"]] == ["吊牌", "瑕疵特写", "整体", "面单"]
    assert await refusal(house.put("/api/v1/products/nothing/shot-list", put)) == "not_found"
    # The key decides the shop: the other one has no such product.
    assert await refusal(house.put("/api/v1/products/mug/shot-list", put, shop="river")) == "not_found"
