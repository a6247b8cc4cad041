"""`livedesk replay FILE`: every dialogue through real sockets, then log, views and file compared."""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from server.auth.merchant import sign_identity
from server.identifiers import epoch_ms, new_client_id
from server.replay.client import Client
from server.replay.dialogues import Dialogue, read
from server.replay.servers import KID, KILL_BETWEEN_S, SHOP, OwnServer
from server.storage.database import Database

AT_ONCE = 16
"""Dialogues under way at the same time."""
TURN_WITHIN_S = 60.0
"""A turn that the other side has not seen by then fails the dialogue."""


@dataclass(slots=True)
class Outcome:
    """What a replay found. `differences` is empty when everything is equal."""

    dialogues: int = 0
    messages: int = 0
    kills: int = 0
    differences: list[str] = field(default_factory=list)


class Replay:
    """Plays dialogues on one server with its agents."""

    def __init__(
        self, url: str, shop: str, api_key: str, identity: tuple[str, str] | None, logins: list[str]
    ) -> None:
        self._url = url
        self._shop = shop
        self._api_key = api_key
        self._identity = identity
        self._http = aiohttp.ClientSession()
        self._owner: dict[str, asyncio.Future[Client]] = {}
        self._agents = [self._agent(login) for login in logins]
        self.stored: dict[str, str] = {}

    async def close(self) -> None:
        """Closes every socket."""
        await asyncio.gather(*(agent.close() for agent in self._agents))
        await self._http.close()

    def _agent(self, login: str) -> Client:
        async def token() -> str:
            answer = await self._post(
                "/api/v1/agents/impersonate",
                {"login": login},
                headers={"Authorization": f"Bearer {self._api_key}"},
            )
            return str(answer["token"])

        client = Client(self._url, "/agent", token)

        async def ready() -> None:
            client.know_epoch((await client.direct("desk.load", {}))["epoch"])
            await client.direct("presence.set", {"state": "ready"})
            mine = await client.direct("conversation.list", {"tab": "mine"})
            for row in mine["conversations"]:
                client.taken[row["conversation_id"]] = row["fence"]
                taken(row["conversation_id"])

        def taken(conversation_id: str) -> None:
            owner = self._owner.setdefault(conversation_id, asyncio.get_running_loop().create_future())
            if not owner.done():
                owner.set_result(client)

        client.after_connect(ready)
        client.on_taken = taken
        return client

    async def _post(self, path: str, body: dict[str, Any], **options: Any) -> dict[str, Any]:
        while True:
            try:
                async with self._http.post(f"{self._url}{path}", json=body, **options) as answer:
                    data: dict[str, Any] = await answer.json()
                    if answer.status == 200:
                        return data
                    if answer.status not in (429, 503):
                        raise RuntimeError(f"{path}: {data['error']['message']}")
                    await asyncio.sleep(data["error"]["data"].get("retry_after_ms", 200) / 1000)
            except aiohttp.ClientError:
                await asyncio.sleep(0.1)

    async def play(self, dialogue: Dialogue) -> list[str]:
        """One dialogue from the tap to the close; what differs between the views and the file."""
        known: dict[str, str] = {}

        async def token() -> str:
            if self._identity is not None:
                kid, secret = self._identity
                known["identity"] = sign_identity(
                    self._shop, dialogue.id, kid=kid, secret=secret, now_s=epoch_ms() // 1000
                )
            answer = await self._post("/api/v1/buyer/session", {"shop": self._shop} | known)
            if answer.get("visitor"):
                known["visitor"] = answer["visitor"]
            return str(answer["token"])

        buyer = Client(self._url, "/buyer", token)
        try:
            opened = await buyer.ask("conversation.open", {"client_id": new_client_id()})
            conversation_id = opened["conversation_id"]
            buyer.know_epoch(opened["epoch"])
            self.stored[conversation_id] = dialogue.id
            agent = await self._served_by(conversation_id)
            await asyncio.gather(buyer.read_on(conversation_id), agent.read_on(conversation_id))
            for number, (who, text) in enumerate(dialogue.turns, 1):
                if who == "buyer":
                    await buyer.send(conversation_id, text)
                    await agent.until(conversation_id, number, TURN_WITHIN_S)
                else:
                    await agent.send(conversation_id, text, agent.taken[conversation_id])
                    await buyer.until(conversation_id, number, TURN_WITHIN_S)
            views = {
                "the buyer's view": buyer.views[conversation_id].texts(),
                "the agent's view": agent.views[conversation_id].texts(),
            }
            await buyer.ask(
                "conversation.close", {"conversation_id": conversation_id, "client_id": new_client_id()}
            )
            agent.finish(conversation_id)
            return [
                f"{dialogue.id}: {name} differs from the file"
                for name, texts in views.items()
                if texts != list(dialogue.turns)
            ]
        finally:
            await buyer.close()

    async def _served_by(self, conversation_id: str) -> Client:
        owner = self._owner.setdefault(conversation_id, asyncio.get_running_loop().create_future())
        return await asyncio.wait_for(asyncio.shield(owner), TURN_WITHIN_S)


async def run(
    path: Path,
    *,
    url: str | None,
    api_key: str | None,
    identity: tuple[str, str] | None,
    shop: str,
    logins: list[str],
    kill_server: bool,
    limit: int | None,
    seed: int,
) -> Outcome:
    """Replays a file on a server of its own, or on the one at `url`."""
    dialogues = read(path)[:limit]
    if url is not None:
        return await _play_all(Replay(url, shop, api_key or "", identity, logins), dialogues, None, seed)
    with tempfile.TemporaryDirectory(prefix="livedesk-replay-") as folder:
        own = OwnServer(Path(folder), agents=-(-AT_ONCE // 4))
        await own.prepare()
        await own.start()
        try:
            replay = Replay(own.url, SHOP, own.api_key, (KID, own.identity_secret), own.logins())
            outcome = await _play_all(replay, dialogues, own if kill_server else None, seed)
        finally:
            await own.stop()
        outcome.kills = own.kills
        outcome.differences += await _compare_stored(own.database, replay.stored, dialogues)
        return outcome


async def _play_all(
    replay: Replay, dialogues: list[Dialogue], victim: OwnServer | None, seed: int
) -> Outcome:
    outcome = Outcome()
    gate = asyncio.Semaphore(AT_ONCE)
    killing = asyncio.create_task(_keep_killing(victim, random.Random(seed))) if victim else None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        shown = progress.add_task("dialogues", total=len(dialogues))

        async def one(dialogue: Dialogue) -> None:
            async with gate:
                try:
                    outcome.differences += await replay.play(dialogue)
                except TimeoutError:
                    outcome.differences.append(f"{dialogue.id}: a turn did not arrive in time")
                outcome.dialogues += 1
                outcome.messages += len(dialogue.turns)
                progress.advance(shown)

        try:
            await asyncio.gather(*(one(dialogue) for dialogue in dialogues))
        finally:
            if killing is not None:
                killing.cancel()
                (ended,) = await asyncio.gather(killing, return_exceptions=True)
                if isinstance(ended, Exception):
                    outcome.differences.append(f"the server was not killed to the end: {ended!r}")
                if victim is not None:
                    await victim.kill()
                    await victim.start()
            await replay.close()
    return outcome


async def _keep_killing(victim: OwnServer, chance: random.Random) -> None:
    while True:
        await asyncio.sleep(chance.uniform(*KILL_BETWEEN_S))
        await victim.kill()
        await asyncio.shield(victim.start())


async def _compare_stored(database: str, stored: dict[str, str], dialogues: list[Dialogue]) -> list[str]:
    """The log on disk against the file: the same dialogues, the same turns, seqs without a gap."""
    differences = []
    expected = {dialogue.id: dialogue for dialogue in dialogues}
    db = await Database.open(database, clock=epoch_ms)
    try:
        for conversation_id, dialogue_id in stored.items():
            entries: list[Any] = []
            while True:
                async with db.read() as unit:
                    page = await unit.conversations.sync(conversation_id, after_seq=len(entries))
                entries += page.entries
                if not page.more:
                    break
            texts = [(entry.sender_kind, entry.body["text"]) for entry in entries if entry.kind == "text"]
            if [entry.seq for entry in entries] != list(range(1, len(entries) + 1)):
                differences.append(f"{dialogue_id}: the stored log has a gap")
            if texts != list(expected[dialogue_id].turns):
                differences.append(f"{dialogue_id}: the stored log differs from the file")
        opened = Counter(stored.values())
        differences += [f"{each}: was opened {opened[each]} times" for each in expected if opened[each] != 1]
    finally:
        await db.close()
    return differences
