"""What a message costs the server: CPU until it is durably committed, acknowledged and on the other side.

`python -m benchmarks.chat [--json] [--rounds N] [--messages N]`. The desk runs with every check on, beside a
bare python-socketio + aiosqlite server and a Node socket.io + node:sqlite server of the same job and
durability (benchmarks/peers). All servers take part in each round, in changing order, one at a time; the
quotient of a round compares neighbours in time. The load client runs in this process, on another core.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import aiohttp

from benchmarks.process import cpu_seconds, free_port, killed, listening, machine, resident_bytes
from benchmarks.wire import Wire
from server.auth.merchant import sign_identity
from server.identifiers import epoch_ms, new_client_id
from server.replay.servers import KID, SHOP, OwnServer

Name = Literal["desk", "bare", "node"]
TEXT = "这件外套的面料起球吗？我想退换一件大一码的，麻烦看一下订单。"
CONVERSATIONS = (1, 100)
IDLE = 2_000
SETTLE_S = 1.0
READY_WITHIN_S = 30.0


@dataclass(slots=True)
class Server:
    """A peer's process and how to talk to it."""

    name: Name
    url: str
    pid: int
    own: OwnServer | None


@asynccontextmanager
async def started(name: Name, folder: Path, agents: int) -> AsyncIterator[Server]:
    """The server, ready, on a fresh data folder; ended by its own process id."""
    port = free_port()
    own = None
    if name == "desk":
        own = OwnServer(folder, agents=agents, port=port)
        await own.prepare()
        command = [sys.executable, "-m", "benchmarks.peers.desk", str(port), str(folder)]
    elif name == "bare":
        command = [sys.executable, "-m", "benchmarks.peers.bare", str(port), str(folder / "bare.db")]
    else:
        script = Path(__file__).parent / "peers" / "node.mjs"
        command = [node() or "node", str(script), str(port), str(folder / "node.db")]
    process = await asyncio.create_subprocess_exec(*command)
    try:
        await listening(port, process)
        yield Server(name, f"http://127.0.0.1:{port}", process.pid, own)
    finally:
        await killed(process)  # a peer waits up to a minute for its sockets


def node() -> str | None:
    """The binary of a Node with node:sqlite (22.13 or later), or None. Not its launcher: that one idles."""
    found = shutil.which("node")
    if found is None:
        return None
    answer = subprocess.run(
        [found, "-e", "require('node:sqlite'); console.log(process.execPath)"],
        capture_output=True,
        check=False,
        timeout=20,
        text=True,
    )
    return answer.stdout.strip() if answer.returncode == 0 else None


@dataclass(slots=True)
class Pair:
    """Both sides of one conversation."""

    conversation_id: str
    buyer: Wire
    agent: Wire
    fence: int | None = None


async def paired(server: Server, http: aiohttp.ClientSession, count: int) -> list[Pair]:
    """So many conversations, each with a buyer's and an agent's socket."""
    if server.own is None:
        pairs = []
        for number in range(count):
            buyer = await Wire.connect(http, server.url, "", f"b{number}")
            agent = await Wire.connect(http, server.url, "", f"a{number}")
            for side in (buyer, agent):
                await side.ask("conversation.open", {"conversation_id": f"c{number}"})
            pairs.append(Pair(f"c{number}", buyer, agent))
        return pairs
    agents: list[Wire] = []
    for login in server.own.logins()[:count]:
        token = await _post(
            http,
            f"{server.url}/api/v1/agents/impersonate",
            {"login": login},
            server.own.api_key,
        )
        agent = await Wire.connect(http, server.url, "/agent", token["token"])
        await agent.ask("presence.set", {"state": "ready"})
        agents.append(agent)
    taken = {agent: agent.event("conversation.taken") for agent in agents}
    buyers: dict[str, Wire] = {}
    for number in range(count):
        buyer = await Wire.connect(http, server.url, "/buyer", await buyer_token(server, http, number))
        opened = await buyer.ask("conversation.open", {"client_id": new_client_id()})
        buyers[opened["conversation_id"]] = buyer
    pairs = []
    for agent, event in taken.items():
        owned = await asyncio.wait_for(event, READY_WITHIN_S)
        pairs.append(Pair(owned["conversation_id"], buyers[owned["conversation_id"]], agent, owned["fence"]))
    return pairs


async def buyer_token(server: Server, http: aiohttp.ClientSession, number: int) -> str:
    """A buyer's session on the desk, by an identity that the shop signed."""
    if server.own is None:
        return f"b{number}"
    identity = sign_identity(
        SHOP, f"b{number}", kid=KID, secret=server.own.identity_secret, now_s=epoch_ms() // 1000
    )
    session = await _post(
        http, f"{server.url}/api/v1/buyer/session", {"shop": SHOP, "identity": identity}, None
    )
    return str(session["token"])


async def _post(
    http: aiohttp.ClientSession, url: str, body: dict[str, Any], key: str | None
) -> dict[str, Any]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    while True:
        async with http.post(url, json=body, headers=headers) as answer:
            data: dict[str, Any] = await answer.json()
            if answer.status == 200:
                return data
            if answer.status != 429:
                raise RuntimeError(f"{url}: {data}")
            await asyncio.sleep(data["error"]["data"]["retry_after_ms"] / 1000)


async def exchange(pair: Pair, messages: int) -> None:
    """Sends one message after the other, sides in turn; each is acknowledged and seen before the next."""
    for number in range(messages):
        from_buyer = number % 2 == 0
        sender, receiver = (pair.buyer, pair.agent) if from_buyer else (pair.agent, pair.buyer)
        client_id = new_client_id()
        message = {
            "conversation_id": pair.conversation_id,
            "client_id": client_id,
            "kind": "text",
            "text": TEXT,
        }
        if not from_buyer and pair.fence is not None:
            message["fence"] = pair.fence  # type: ignore[assignment]
        seen = receiver.event(client_id)
        await sender.ask("chat.send", message)
        await asyncio.wait_for(seen, READY_WITHIN_S)


async def cost(name: Name, conversations: int, messages: int) -> float:
    """CPU microseconds of the server a message, at so many conversations at once."""
    with tempfile.TemporaryDirectory(prefix="livedesk-bench-") as folder:
        async with started(name, Path(folder), conversations) as server, _http() as http:
            pairs = await paired(server, http, conversations)
            each = max(2, messages // conversations)
            await asyncio.gather(*(exchange(pair, max(2, each // 10)) for pair in pairs))
            before = cpu_seconds(server.pid)
            await asyncio.gather(*(exchange(pair, each) for pair in pairs))
            spent = cpu_seconds(server.pid) - before
            for pair in pairs:
                await pair.buyer.close()
                await pair.agent.close()
            return spent / (each * conversations) * 1e6


async def idle_memory(name: Name, connections: int) -> float:
    """Resident bytes of the server for each connected, silent buyer."""
    with tempfile.TemporaryDirectory(prefix="livedesk-bench-") as folder:
        async with started(name, Path(folder), 1) as server, _http() as http:
            warm = [await _idle(server, http, number) for number in range(50)]
            await asyncio.sleep(SETTLE_S)
            before = resident_bytes(server.pid)
            wires = [await _idle(server, http, 50 + number) for number in range(connections)]
            await asyncio.sleep(SETTLE_S)
            after = resident_bytes(server.pid)
            for wire in (*warm, *wires):
                await wire.close()
            return (after - before) / connections


async def _idle(server: Server, http: aiohttp.ClientSession, number: int) -> Wire:
    if server.own is None:
        return await Wire.connect(http, server.url, "", f"b{number}")
    return await Wire.connect(http, server.url, "/buyer", await buyer_token(server, http, number))


@asynccontextmanager
async def _http() -> AsyncIterator[aiohttp.ClientSession]:
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        yield http


async def measure(rounds: int, messages: int, idle: int, seed: int) -> dict[str, Any]:
    """Every run, and what they come to."""
    names: list[Name] = ["desk", "bare"]
    left_out = []
    if node() is not None and (Path(__file__).parent.parent / "node_modules" / "socket.io").is_dir():
        names.append("node")
    else:
        left_out.append("node: no Node with node:sqlite (22.13 or later) or no socket.io here")
    chance = random.Random(seed)
    runs: list[dict[str, Any]] = []
    for number in range(rounds):
        for conversations in CONVERSATIONS:
            for name in chance.sample(names, len(names)):
                # One conversation alone is slow on the clock: every message waits for its own commit.
                spent = await cost(name, conversations, messages if conversations > 1 else messages // 2)
                runs.append(
                    {
                        "round": number,
                        "server": name,
                        "conversations": conversations,
                        "us_per_message": round(spent, 1),
                    }
                )
                _say(runs[-1])
    for name in names:
        runs.append(
            {"server": name, "idle": idle, "bytes_per_connection": round(await idle_memory(name, idle))}
        )
        _say(runs[-1])
    return {"machine": machine(), "left_out": left_out, "runs": runs} | _verdict(runs, names)


def _verdict(runs: list[dict[str, Any]], names: list[Name]) -> dict[str, Any]:
    def quotient(one: Name, other: Name, conversations: int) -> float:
        by_round: dict[int, dict[str, float]] = {}
        for run in runs:
            if run.get("conversations") == conversations:
                by_round.setdefault(run["round"], {})[run["server"]] = run["us_per_message"]
        return statistics.median(spent[one] / spent[other] for spent in by_round.values())

    memory = next(r["bytes_per_connection"] for r in runs if r["server"] == "desk" and "idle" in r)
    targets = [
        _row("desk / bare, CPU a message at 100 conversations", quotient("desk", "bare", 100), 0.5),
        _row("desk / bare, CPU a message at 1 conversation", quotient("desk", "bare", 1), 1.25),
        _row("bytes a connection over idle ones", memory, 40_000),
    ]
    aims = [_row("bytes a connection over idle ones", memory, 32_000)]
    if "node" in names:
        aims += [
            _row(f"desk / node, CPU a message at {count}", quotient("desk", "node", count), 1.0)
            for count in CONVERSATIONS
        ]
    return {"targets": targets, "aims": aims}


def _row(name: str, value: float, target: float) -> dict[str, Any]:
    return {
        "name": name,
        "value": round(value, 3),
        "target": target,
        "better": "lower",
        "met": value <= target,
    }


def _say(run: dict[str, Any]) -> None:
    print(json.dumps(run), file=sys.stderr, flush=True)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.chat", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one object")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--messages", type=int, default=6_000)
    parser.add_argument("--idle", type=int, default=IDLE)
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        found = asyncio.run(measure(chosen.rounds, chosen.messages, chosen.idle, chosen.seed))
        if chosen.json:
            print(json.dumps(found, ensure_ascii=False, indent=2))
            return
        for kind in ("targets", "aims"):
            for row in found[kind]:
                said = "met" if row["met"] else "missed"
                print(f"{kind}: {row['name']}: {row['value']} (≤ {row['target']}) {said}")


if __name__ == "__main__":
    main()
