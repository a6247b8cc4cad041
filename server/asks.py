"""What one node asks of another, through Redis. It may be lost at any time; who asked is told to try again.

An answer is a word like any other, to the node that asked. Only what both sides can read of is sent: ids, and
what media processes say. What must be true the asked node reads in SQL itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import orjson

from protocol.errors import ErrorCode, Refused

log = logging.getLogger(__name__)

ANSWER_S = 5.0
"""A media process may have to be started for an answer; whoever asked at a socket waits no longer."""
RETRY_MS = 500
"""When the asker may try again where nobody answered."""
AT_ONCE = 200
"""Of other nodes' questions, so many are looked at at the same time; those beyond are not answered."""
SAID_AT_ONCE = 1_000
"""Words on their way to Redis; beyond it hints are dropped, for a sweep finds what they hinted at."""

Act = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""What is done for a question. Its answer goes back, and so does a `Refused`."""


class Wire(Protocol):
    """How a word gets to another node (`server.cluster.Cluster`)."""

    async def address(self, node_id: str, message: bytes) -> bool: ...


class Asks:
    """This node's questions and answers. `close` may be called twice."""

    def __init__(self, wire: Wire, node_id: str, new_id: Callable[[], str]) -> None:
        self._wire = wire
        self._node_id = node_id
        self._new_id = new_id
        self._acts: Mapping[str, Act] = {}
        self._waiting: dict[str, asyncio.Future[Mapping[str, Any]]] = {}
        self._answering = set[asyncio.Task[None]]()
        self._saying = set[asyncio.Task[bool]]()

    def serve(self, acts: Mapping[str, Act]) -> None:
        """Begins to answer: what is done, by what is asked."""
        self._acts = acts

    async def close(self) -> None:
        """Leaves off."""
        tasks = [*self._answering, *self._saying]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def ask(self, node_id: str, what: str, **about: Any) -> Mapping[str, Any]:
        """The answer of a node. Raises its `Refused`, and `Refused(retry)` where none comes."""
        number = self._new_id()
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        asked = {"number": number, "from": self._node_id, "what": what, "about": about}
        try:
            async with asyncio.timeout(ANSWER_S):
                if not await self._wire.address(node_id, orjson.dumps(asked)):
                    raise Refused(ErrorCode.retry, retry_after_ms=RETRY_MS)
                said = await answer
        except TimeoutError:
            raise Refused(ErrorCode.retry, retry_after_ms=RETRY_MS) from None
        finally:
            del self._waiting[number]
        if "refused" in said:
            raise Refused(ErrorCode(said["refused"]), **said["data"])
        result: Mapping[str, Any] = said["answer"]
        return result

    def tell(self, node_id: str, what: str, **about: Any) -> None:
        """A hint to a node, with no answer. Never waits, never raises."""
        if len(self._saying) < SAID_AT_ONCE:
            self._say(node_id, {"what": what, "about": about})

    def heard(self, message: bytes) -> None:
        """What another node said to this one. Never raises."""
        try:
            said = orjson.loads(message)
            if "answers" in said:
                waiting = self._waiting.get(said["answers"])
                if waiting is not None and not waiting.done():
                    waiting.set_result(said)
            elif len(self._answering) < AT_ONCE:
                task = asyncio.create_task(self._answer(self._acts[said["what"]], said))
                self._answering.add(task)
                task.add_done_callback(self._answering.discard)
            else:
                log.warning("asks.too_many: %s", said["what"])
        except (ValueError, KeyError, TypeError) as error:
            log.error("asks.not_understood: %s", type(error).__name__)

    async def _answer(self, act: Act, said: Mapping[str, Any]) -> None:
        answer: dict[str, Any]
        try:
            answer = {"answer": await act(said["about"])}
        except Refused as refused:
            answer = {"refused": refused.code.value, "data": refused.data}
        except Exception:
            log.exception("asks.failed: %s", said["what"])
            answer = {"refused": ErrorCode.retry.value, "data": {"retry_after_ms": RETRY_MS}}
        if "number" in said:
            self._say(said["from"], {"answers": said["number"], **answer})

    def _say(self, node_id: str, what: Mapping[str, Any]) -> None:
        task = asyncio.create_task(self._wire.address(node_id, orjson.dumps(what)))
        self._saying.add(task)
        task.add_done_callback(self._saying.discard)
