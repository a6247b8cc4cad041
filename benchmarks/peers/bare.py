"""The bare server: python-socketio and aiosqlite as their documentation shows them, one commit a message.

Same durability (WAL, synchronous=FULL), same acknowledgement, same delivery to the other side; no validation,
no accounts, no line. `python -m benchmarks.peers.bare PORT DATABASE`.
"""

from __future__ import annotations

import sys
import time
import uuid
from typing import Any

import aiosqlite
import socketio
from aiohttp import web

SCHEMA = """
create table if not exists messages (
    conversation_id text not null, seq integer not null, message_id text not null, client_id text not null,
    sender text not null, text text not null, sent_at integer not null,
    primary key (conversation_id, seq), unique (conversation_id, sender, client_id)
)
"""


async def application(database: str) -> web.Application:
    """The whole server."""
    sio = socketio.AsyncServer(async_mode="aiohttp", cors_allowed_origins="*")
    app = web.Application()
    sio.attach(app)
    db = await aiosqlite.connect(database)
    await db.execute("pragma journal_mode = wal")
    await db.execute("pragma synchronous = full")
    await db.execute(SCHEMA)
    await db.commit()
    last: dict[str, int] = {}
    who: dict[str, str] = {}

    @sio.event  # type: ignore[untyped-decorator]  # published without types
    async def connect(sid: str, environ: dict[str, Any], auth: dict[str, Any] | None) -> None:
        who[sid] = (auth or {}).get("token", "nobody")

    @sio.event  # type: ignore[untyped-decorator]  # published without types
    async def disconnect(sid: str, reason: str) -> None:
        who.pop(sid, None)

    @sio.on("conversation.open")  # type: ignore[untyped-decorator]
    async def open_conversation(sid: str, request: dict[str, Any]) -> dict[str, Any]:
        await sio.enter_room(sid, request["conversation_id"])
        return {"ok": True, "data": {}}

    @sio.on("chat.send")  # type: ignore[untyped-decorator]
    async def send(sid: str, request: dict[str, Any]) -> dict[str, Any]:
        conversation = request["conversation_id"]
        seq = last[conversation] = last.get(conversation, 0) + 1
        message_id = uuid.uuid4().hex
        sent_at = int(time.time() * 1000)
        await db.execute(
            "insert into messages values (?, ?, ?, ?, ?, ?, ?)",
            (conversation, seq, message_id, request["client_id"], who[sid], request["text"], sent_at),
        )
        await db.commit()
        entry = {
            "seq": seq,
            "message_id": message_id,
            "client_id": request["client_id"],
            "sender": {"kind": "buyer", "id": who[sid], "name": None},
            "sent_at": sent_at,
            "kind": "text",
            "text": request["text"],
        }
        event = {"conversation_id": conversation, "log": "public", "entry": entry}
        await sio.emit("chat.posted", event, room=conversation, skip_sid=sid)
        return {"ok": True, "data": {"message_id": message_id, "seq": seq, "sent_at": sent_at}}

    return app


if __name__ == "__main__":
    web.run_app(application(sys.argv[2]), host="127.0.0.1", port=int(sys.argv[1]), print=None)
