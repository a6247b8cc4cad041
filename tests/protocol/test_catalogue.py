"""The catalogue says everything once, and nothing that is not so."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from protocol import base, chat, export, routes, shop
from protocol.base import MAX_TEXT, Wire
from protocol.catalogue import ALWAYS, COMMANDS, EVENTS, adapter
from protocol.errors import MEANINGS, ErrorCode, Refused

ROOT = Path(__file__).parents[2]
CLIENT_ID = "01890000-0000-7000-8000-000000000000"


def test_every_command_is_declared_once_in_its_namespace() -> None:
    names = [(command.namespace, command.name) for command in COMMANDS]
    assert len(names) == len(set(names))


def test_a_name_is_never_a_command_and_an_event() -> None:
    assert not {command.name for command in COMMANDS} & {event.name for event in EVENTS}


def test_commands_and_events_are_called_noun_dot_word() -> None:
    for name in [command.name for command in COMMANDS] + [event.name for event in EVENTS]:
        assert re.fullmatch(r"[a-z]+\.[a-z_]+", name), name


def test_every_error_code_has_a_status_and_a_sentence_in_both_languages() -> None:
    assert set(MEANINGS) == set(ErrorCode)
    for meaning in MEANINGS.values():
        assert 400 <= meaning.status < 600
        assert meaning.en.endswith(".")
        assert meaning.zh.endswith("。")


def test_every_error_code_that_the_program_raises_is_declared_where_it_can_happen() -> None:
    declared = {code for command in COMMANDS for code in command.errors} | set(ALWAYS)
    declared |= {code for route in routes.ROUTES for code in route.errors}
    raised = set()
    for folder in ("signaling", "server"):
        for path in (ROOT / folder).rglob("*.py"):
            raised |= set(re.findall(r"ErrorCode\.(\w+)", path.read_text("utf-8")))
    assert raised <= {code.value for code in ErrorCode}
    assert {code.value for code in ErrorCode} - raised - {code.value for code in declared} == set()


def test_every_shape_forbids_unknown_fields_and_cannot_be_changed() -> None:
    def families(shape: type[Wire]) -> set[type[Wire]]:
        return {shape}.union(*(families(each) for each in shape.__subclasses__()))

    for shape in families(Wire):
        assert shape.model_config["extra"] == "forbid"
        assert shape.model_config["frozen"] is True


def test_a_text_of_the_longest_length_is_taken_and_one_character_more_is_not() -> None:
    message = {"conversation_id": "c1", "client_id": CLIENT_ID, "kind": "text"}
    validate = adapter(chat.BuyerSend).validate_python
    assert validate(message | {"text": "长" * MAX_TEXT}).text == "长" * MAX_TEXT
    for text in ("长" * (MAX_TEXT + 1), "", "  \n "):
        with pytest.raises(ValidationError):
            validate(message | {"text": text})


@pytest.mark.parametrize("seq", [-1, base.MAX_SEQ + 1, 1.0, "1", True, None])
def test_a_seq_is_a_whole_number_that_a_browser_holds_exactly(seq: object) -> None:
    with pytest.raises(ValidationError):
        adapter(chat.BuyerSync).validate_python({"conversation_id": "c1", "after_seq": seq, "epoch": "e"})


@pytest.mark.parametrize(
    "client_id",
    [
        "01890000-0000-4000-8000-000000000000",
        "01890000-0000-7000-c000-000000000000",
        "01890000-0000-7000-8000-00000000000G",
        CLIENT_ID.upper().replace("0", "A"),
        CLIENT_ID + "0",
    ],
)
def test_a_client_id_is_a_uuid_of_version_7(client_id: str) -> None:
    with pytest.raises(ValidationError):
        adapter(chat.BuyerSend).validate_python(
            {"conversation_id": "c1", "client_id": client_id, "kind": "text", "text": "hi"}
        )


def test_a_refusal_carries_its_code_its_sentence_and_what_helps() -> None:
    assert Refused(ErrorCode.rate_limited, retry_after_ms=5).as_wire() == {
        "code": "rate_limited",
        "message": MEANINGS[ErrorCode.rate_limited].en,
        "data": {"retry_after_ms": 5},
    }


def test_the_documents_name_every_command_event_and_route() -> None:
    asyncapi, openapi = export.asyncapi(), export.openapi()
    for command in COMMANDS:
        assert command.name in asyncapi["channels"][command.namespace.strip("/")]["messages"]
    for event in EVENTS:
        for namespace in event.namespaces:
            assert event.name in asyncapi["channels"][namespace.strip("/")]["messages"]
    for route in routes.ROUTES:
        assert route.method.lower() in openapi["paths"][route.path]


@pytest.mark.parametrize("made", [export.asyncapi, export.openapi])
def test_every_reference_of_a_document_leads_somewhere(made: Callable[[], dict[str, Any]]) -> None:
    def references(of: object) -> Iterator[str]:
        if isinstance(of, dict):
            if isinstance(of.get("$ref"), str):
                yield of["$ref"]
            for inner in of.values():
                yield from references(inner)
        elif isinstance(of, list):
            for inner in of:
                yield from references(inner)

    document = made()
    found = set(references(document))
    assert found
    for reference in found:
        there: Any = document
        for part in reference.removeprefix("#/").split("/"):
            there = there[part]


def test_every_command_is_answered_with_its_reply_or_a_refusal() -> None:
    document = export.asyncapi()
    for command in COMMANDS:
        key = command.namespace.strip("/")
        (reply,) = document["operations"][f"{key}.{command.name}"]["reply"]["messages"]
        name = reply["$ref"].rpartition("/")[2]
        done, refused = document["channels"][key]["messages"][name]["payload"]["oneOf"]
        assert done["properties"]["ok"] == {"const": True}
        assert done["properties"]["data"]["$ref"].endswith(
            f"/{getattr(command.reply, '__name__', command.reply)}"
        )
        assert refused == {"$ref": "#/components/schemas/Refused"}


def strings(schema: object, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Every string that a JSON schema allows, with the name of its field."""
    if isinstance(schema, dict):
        if schema.get("type") == "string":
            yield name, schema
        for key, inner in schema.items():
            if key in ("properties", "$defs"):
                for field, each in inner.items():
                    yield from strings(each, field)
            else:
                yield from strings(inner, name)
    elif isinstance(schema, list):
        for inner in schema:
            yield from strings(inner, name)


NEVER_KEPT = {"password", "identity", "code", "visitor", "rejoin_token"}
"""Hashed or verified, and not stored as they are."""


@pytest.mark.parametrize(
    "request_shape",
    [c.request for c in COMMANDS] + [r.request for r in routes.ROUTES if r.request] + [shop.LiveEvent],
    ids=str,
)
def test_no_text_that_could_be_stored_may_hold_a_nul(request_shape: Any) -> None:
    for name, schema in strings(TypeAdapter(request_shape).json_schema()):
        if name in NEVER_KEPT or {"enum", "const", "format"} & schema.keys():
            continue
        assert "pattern" in schema, name
        assert not re.search(schema["pattern"], "a\x00a"), name


@pytest.mark.parametrize("text", ["\x00", "a\x00", "\x00a", "a\n\x00b", " \x00 "])
def test_a_nul_is_refused_wherever_it_stands(text: str) -> None:
    for shape in (base.Text, base.Line, base.Note, base.Url):
        with pytest.raises(ValidationError):
            TypeAdapter(shape).validate_python(f"/{text}" if shape is base.Url else text)


@pytest.mark.parametrize("text", ["a", " a ", "第一行\n第二行\r\n", "\t😀", "\\x00", "x" * 200])
def test_what_people_write_is_taken(text: str) -> None:
    for shape in (base.Text, base.Line, base.Note):
        assert TypeAdapter(shape).validate_python(text) == text
