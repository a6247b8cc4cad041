"""JSON lines on standard error: events with ids and codes, no personal data, no tokens, no bodies.

Everything that logs, our own modules and libraries alike, passes the same processors. What nobody caught
ends up here, too: in the event loop, in a thread, in a destructor, at the top of the process.
"""

from __future__ import annotations

import asyncio
import logging
import re
import sys
import threading
import traceback
from collections.abc import Mapping, MutableMapping
from types import TracebackType
from typing import Any, TextIO

import orjson
import structlog

log = logging.getLogger(__name__)

PERSONAL = frozenset(
    {
        "address",
        "agent",
        "auth",
        "authorization",
        "body",
        "browser",
        "client",
        "content",
        "cookie",
        "display_name",
        "email",
        "host",
        "ip",
        "login",
        "message_text",
        "name",
        "origin_url",
        "password",
        "path",
        "payload",
        "phone",
        "query",
        "receiver",
        "remote",
        "request",
        "secret",
        "subject",
        "text",
        "title",
        "token",
        "url",
        "user",
        "username",
    }
)
"""Fields that never reach a log, whoever writes them."""
MAX_TEXT = 500
"""Characters of one field: a log line is not a place to keep things."""
MAX_FRAMES = 30
HIDDEN = "[hidden]"
_HIDE = re.compile(
    r"ld[a-z]_[A-Za-z0-9_-]{16,}"  # our tokens, of whatever kind
    r"|eyJ[A-Za-z0-9_-]{4,}\.[A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]*){1,3}"  # JWTs
    r"|\$argon2[a-z]*\$[A-Za-z0-9$=,+/]+"
    r"|(?<=://)[^\s/@'\"]*:[^\s/@'\"]*(?=@)"  # a password in an address
    r"|(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}"
    r"|[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+"  # e-mail
    r"|(?<![0-9A-Za-z])(?:\+?86[- ]?)?1[3-9]\d{9}(?![0-9A-Za-z])"  # mobile phone
    r"|(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])"  # IPv4
    r"|(?<![\w:])(?:[0-9A-Fa-f]{0,4}:){3,7}[0-9A-Fa-f]{0,4}(?![\w:])"  # IPv6; a time has fewer colons
)
_OWN_ADDRESSES = frozenset({"127.0.0.1", "0.0.0.0"})  # noqa: S104 - named, not bound
_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


def scrubbed(text: str) -> str:
    """`text` without what looks like a token, a password or a person, and not longer than `MAX_TEXT`."""

    def hide(found: re.Match[str]) -> str:
        return found[0] if found[0] in _OWN_ADDRESSES else HIDDEN

    return _HIDE.sub(hide, text[: 2 * MAX_TEXT])[:MAX_TEXT]


def drop_personal(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor: fields of persons go, texts are scrubbed, also inside lists and objects."""
    return {key: _clean(value) for key, value in event.items() if key.lower() not in PERSONAL}


def _clean(value: Any) -> Any:
    match value:
        case str():
            return scrubbed(value)
        case None | bool() | int() | float():
            return value
        case Mapping():
            return {
                scrubbed(str(key)): _clean(item)
                for key, item in value.items()
                if str(key).lower() not in PERSONAL
            }
        case list() | tuple() | set() | frozenset():
            return [_clean(item) for item in value]
        case _:
            return scrubbed(str(value))


def describe_failure(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor: an exception becomes its type, a scrubbed sentence and where it came from.

    Of a database's error only the first line is kept: what follows are the statement and its values.
    """
    info = event.pop("exc_info", None)
    if info is True:
        info = sys.exc_info()
    error = info if isinstance(info, BaseException) else info[1] if isinstance(info, tuple) else None
    if error is None:
        return event
    event["error"] = type(error).__qualname__
    event["reason"] = scrubbed(str(error).partition("\n")[0].partition("[SQL:")[0])
    frames = traceback.extract_tb(error.__traceback__)[-MAX_FRAMES:]
    event["at"] = [f"{frame.filename.rpartition('/')[2]}:{frame.lineno} {frame.name}" for frame in frames]
    cause = error.__cause__ or error.__context__
    if cause is not None:
        event["cause"] = type(cause).__qualname__
    return event


def _fields_of_record(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """What was given as `extra` to the standard logger."""
    record: logging.LogRecord | None = event.get("_record")
    if record is not None:
        event.update({key: value for key, value in vars(record).items() if key not in _RECORD})
    return event


def _as_json(_: Any, __: str, event: MutableMapping[str, Any]) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode("utf-8", "replace")


def set_up(level: str, stream: TextIO | None = None) -> None:
    """Every logger of this process writes JSON lines to `stream` (standard error)."""
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _fields_of_record,
        ],
        processors=[
            describe_failure,
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            drop_personal,
            _as_json,
        ],
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    # What these say at `info` is one line a request or statement, with values in it.
    for name in ("aiohttp.access", "sqlalchemy", "engineio", "socketio", "asyncio", "alembic"):
        logging.getLogger(name).setLevel(max(logging.WARNING, logging.getLevelName(level.upper())))


def catch_the_rest(loop: asyncio.AbstractEventLoop | None = None) -> None:
    """The last resort: whatever nobody caught is a log line, and only then what Python makes of it."""

    def uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            return
        log.critical("uncaught", exc_info=(kind, error, trace))

    def in_thread(given: threading.ExceptHookArgs) -> None:
        if given.exc_value is not None and not issubclass(given.exc_type, SystemExit):
            log.critical("uncaught.thread", exc_info=given.exc_value)

    def unraisable(given: sys.UnraisableHookArgs) -> None:
        log.error("uncaught.unraisable", exc_info=given.exc_value)

    def in_loop(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        log.error("uncaught.task", exc_info=context.get("exception"), extra={"what": context.get("message")})

    sys.excepthook = uncaught
    threading.excepthook = in_thread
    sys.unraisablehook = unraisable
    if loop is not None:
        loop.set_exception_handler(in_loop)
