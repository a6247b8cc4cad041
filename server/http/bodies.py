"""Reads JSON bodies strictly: UTF-8, no repeated keys, NaN or NUL, bounded depth, then the declared shape."""

from __future__ import annotations

import json
from typing import Any, Never, TypeVar

from protocol.base import MAX_DEPTH, Wire
from protocol.catalogue import adapter
from protocol.errors import ErrorCode, Refused

Shape = TypeVar("Shape", bound=Wire)

MAX_SAID_FAULTS = 3
"""Faults named in one answer: enough to correct a call, too little to echo a body."""


def parse(body: bytes) -> Any:
    """The value of a JSON text. Raises `Refused`: bad_request or too_deep."""
    try:
        value = json.loads(
            body.decode("utf-8"), object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite
        )
    except RecursionError:
        raise Refused(ErrorCode.too_deep) from None
    except ValueError as error:
        raise Refused(ErrorCode.bad_request, "The body is not JSON as RFC 8259 has it.") from error
    _check(value)
    return value


def read(shape: type[Shape], body: bytes) -> Shape:
    """The body as `shape`. Raises `Refused`: bad_request (naming the fields at fault) or too_deep."""
    parse(body)
    try:
        # From the text, not from the value: in strict mode only JSON may write a time as a string.
        found: Shape = adapter(shape).validate_json(body)
    except ValueError as error:
        faults = _faults(error)
        raise Refused(ErrorCode.bad_request, None, fields=faults) from None
    return found


def read_nothing(body: bytes) -> None:
    """The body of a call that takes none: empty or `{}`. Raises `Refused(bad_request)`."""
    if body and parse(body) != {}:
        raise Refused(ErrorCode.bad_request, "This call takes no body.")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is repeated")
    return found


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number is too large")
    return number


def _check(value: Any) -> None:
    """Depth, NUL (which PostgreSQL cannot keep) and lone surrogates (which UTF-8 cannot)."""
    depth, level = 0, [value]
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict):
                for key in item:
                    _check_text(key)
                below.extend(item.values())
            elif isinstance(item, list):
                below.extend(item)
        if any(isinstance(item, dict | list) for item in level):
            depth += 1
        if depth > MAX_DEPTH:
            raise Refused(ErrorCode.too_deep)
        level = below


def _check_text(text: str) -> None:
    if "\x00" in text or any("\ud800" <= character <= "\udfff" for character in text):
        raise Refused(ErrorCode.bad_request, "A text has a character that cannot be kept.")


def _faults(error: ValueError) -> list[dict[str, str]]:
    """Where and what, never the value. (pydantic is at home in `protocol` only, hence no type here.)"""
    listed = getattr(error, "errors", None)
    if listed is None:
        return []
    return [
        {"at": ".".join(str(step) for step in fault["loc"])[:100], "fault": str(fault["type"])[:100]}
        for fault in listed(include_url=False, include_input=False, include_context=False)[:MAX_SAID_FAULTS]
    ]
