"""How storage says no: it cannot run at all (`StorageRefused`), or this one request must come again."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
from sqlalchemy import exc

from protocol.errors import ErrorCode, Refused

logger = logging.getLogger(__name__)

_PASSING = ("08", "25006", "40", "53", "55P03", "57", "58")
"""PostgreSQL's states that pass: connection lost, a standby that only reads, lost races, no resources, lock
not to be had, shutting down or starting up, the system below it failing."""


class StorageRefused(Exception):
    """The database cannot be used as it is. The one sentence says why and what to do."""


@contextmanager
def failures_as_retry() -> Iterator[None]:
    """Turns a lost, full, locked or overloaded database into `Refused(retry)`, and a value that it cannot
    keep into `Refused(bad_request)`. Everything else is a fault of ours and passes."""
    try:
        yield
    except UnicodeEncodeError as error:
        raise Refused(ErrorCode.bad_request) from error
    except (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, sqlite3.OperationalError) as error:
        raise _retry(error) from error
    except exc.DBAPIError as error:
        if _unstorable(error):
            raise Refused(ErrorCode.bad_request) from error
        if error.connection_invalidated or _state(error).startswith(_PASSING):
            raise _retry(error) from error
        raise
    except asyncpg.PostgresError as error:
        # While a new connection is prepared nobody wraps what asyncpg raises.
        if (error.sqlstate or "").startswith(_PASSING):
            raise _retry(error) from error
        raise
    except (asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise _retry(error) from error


def _unstorable(error: exc.DBAPIError) -> bool:
    """The value is none for its column: asyncpg says so before sending, PostgreSQL with class 22."""
    return _state(error).startswith("22") or isinstance(getattr(error.orig, "__cause__", None), ValueError)


def _state(error: exc.DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""


def _retry(error: BaseException) -> Refused:
    logger.warning("storage.unavailable", extra={"error": type(error).__name__})
    return Refused(ErrorCode.retry)
