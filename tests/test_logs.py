"""Log lines are JSON with ids and codes; persons, tokens and values of a database never stand in one."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from server import logs
from server.auth.secrets import TokenKind, new_token
from server.logs import HIDDEN, MAX_TEXT, PERSONAL, catch_the_rest, scrubbed, set_up


@pytest.fixture
def lines() -> Iterator[Any]:
    """Everything written from here on, as parsed lines."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    stream = io.StringIO()
    set_up("info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers[:], level = before
    root.setLevel(level)
    sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


def test_a_line_has_its_event_level_logger_time_and_ids(lines: Any) -> None:
    logging.getLogger("server.desk").info("conversation.opened", extra={"conversation_id": "c-1", "ms": 1.5})
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "conversation.opened",
        "level": "info",
        "logger": "server.desk",
        "conversation_id": "c-1",
        "ms": 1.5,
    }


@pytest.mark.parametrize("field", sorted(PERSONAL - {"name"}))
def test_a_personal_field_never_reaches_a_log(lines: Any, field: str) -> None:
    value = "小林 13800000000"
    log = logging.getLogger("x")
    log.info("event", extra={field: value, "data": {field: value, "deep": [{field.upper(): value}]}})
    (line,) = lines()
    assert "小林" not in json.dumps(line, ensure_ascii=False)
    assert line["data"] == {"deep": [{}]}


@pytest.mark.parametrize(
    "secret",
    [
        *(new_token(kind) for kind in TokenKind),
        "eyJhbGciOiJFZDI1NTE5In0.eyJzdWIiOiJiIn0.c2lnbmF0dXJl",
        "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$aGFzaA",
        "13800000000",
        "+86 13800000000",
        "lin@shop.example",
        "203.0.113.9",
        "2001:db8::17",
        "2001:db8:1:2:3:4:5:6",
        "Bearer abcdefgh12345678",
    ],
    ids=lambda secret: str(secret)[:4],  # tokens are new in every process, names must not be
)
def test_what_looks_like_a_token_or_a_person_is_hidden_in_any_text(lines: Any, secret: str) -> None:
    log = logging.getLogger("x")
    log.warning("it said %s and went", secret, extra={"why": f"({secret})", "list": [secret]})
    (line,) = lines()
    text = json.dumps(line)
    assert secret not in text
    assert line["event"].startswith("it said")
    assert line["why"] == f"({HIDDEN})"


def test_a_password_in_an_address_is_hidden_and_ids_are_not() -> None:
    assert scrubbed("postgresql://desk:hunter2@db/desk") == f"postgresql://{HIDDEN}@db/desk"
    for kept in (
        "0197a3b2c4d57e6f8a9b0c1d2e3f4a5b",
        "order-13800000000000",
        "127.0.0.1",
        "2026-11-22T17:10:03Z",
        "v1.2.3",
    ):
        assert scrubbed(kept) == kept


def test_a_field_is_cut_to_its_longest(lines: Any) -> None:
    logging.getLogger("x").info("event", extra={"why": "y" * (MAX_TEXT + 1)})
    assert lines()[0]["why"] == "y" * MAX_TEXT


def test_an_exception_is_its_type_its_first_line_and_where_it_came_from(lines: Any) -> None:
    try:
        try:
            raise KeyError("13800000000")
        except KeyError as error:
            raise RuntimeError(
                "no row for lin@shop.example\n[SQL: INSERT ...]\n[parameters: ('小林',)]"
            ) from error
    except RuntimeError:
        logging.getLogger("x").exception("http.failed", extra={"request_id": "r-1"})
    (line,) = lines()
    assert (line["error"], line["cause"]) == ("RuntimeError", "KeyError")
    assert line["reason"] == f"no row for {HIDDEN}"
    assert line["at"][-1].startswith("test_logs.py:")
    text = json.dumps(line, ensure_ascii=False)
    assert "小林" not in text
    assert "13800000000" not in text
    assert "INSERT" not in text


def test_structlogs_own_loggers_pass_the_same_way(lines: Any) -> None:
    structlog.stdlib.get_logger("x")
    logging.getLogger("aiohttp.access").info("GET /c/shop?token=abc from 203.0.113.9")
    assert lines() == []


async def test_what_nobody_caught_is_a_line(lines: Any) -> None:
    loop = asyncio.get_running_loop()
    catch_the_rest(loop)
    loop.call_exception_handler({"message": "Task exception was never retrieved", "exception": OSError("a")})
    try:
        raise ValueError("b")
    except ValueError as error:
        sys.excepthook(ValueError, error, error.__traceback__)

    def fail() -> None:
        raise LookupError("c")

    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    loop.set_exception_handler(None)
    assert [(line["event"], line["error"]) for line in lines()] == [
        ("uncaught.task", "OSError"),
        ("uncaught", "ValueError"),
        ("uncaught.thread", "LookupError"),
    ]


def test_a_line_that_cannot_be_written_as_json_is_written_as_text(lines: Any) -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd 13800000000"

    logging.getLogger("x").info("event", extra={"odd": Odd(), "keys": {1: Odd()}})
    (line,) = lines()
    assert line["odd"] == f"odd {HIDDEN}"
    assert line["keys"] == {"1": f"odd {HIDDEN}"}
    assert logs.MAX_FRAMES == 30
