"""Prints the catalogue: one JSON schema bundle (for TypeScript), AsyncAPI 3, OpenAPI 3.1 and a page.

`python -m protocol.export DIR` writes the committed copies; a test holds them fresh.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

from pydantic.json_schema import models_json_schema

from protocol import routes
from protocol.base import Json, Namespace, Route, Wire
from protocol.catalogue import ALWAYS, COMMANDS, EVENTS, adapter
from protocol.consents import CONSENTS, SHOWN
from protocol.errors import MEANINGS, ErrorCode

VERSION = "0.1.0"
_REF = "#/components/schemas/{model}"


def _name(shape: Any) -> str:
    return str(getattr(shape, "__name__", shape))


def shapes() -> dict[str, Any]:
    """Every shape that stands at the top of a message, by name."""
    found: dict[str, Any] = {}
    every: list[Any] = [c.request for c in COMMANDS] + [c.reply for c in COMMANDS]
    every += [e.payload for e in EVENTS]
    every += [s for r in routes.ROUTES for s in (r.request, r.reply) if s is not None]
    for shape in every:
        if found.setdefault(_name(shape), shape) is not shape:
            raise ValueError(f"two shapes are called {_name(shape)}")
    return found


def schemas(ref: str = _REF) -> Json:
    """JSON Schema of every shape and what it refers to, as one set of definitions."""
    found = shapes()
    models = [s for s in found.values() if isinstance(s, type) and issubclass(s, Wire)]
    _, bundle = models_json_schema([(m, "validation") for m in models], ref_template=ref)
    definitions: Json = bundle.get("$defs", {})
    for name, shape in found.items():
        if name not in definitions:
            schema = adapter(shape).json_schema(ref_template=ref)
            definitions.update(schema.pop("$defs", {}))
            if set(schema) != {"$ref"}:
                definitions[name] = schema
    definitions["ErrorCode"] = {
        "title": "ErrorCode",
        "description": "Why a request was refused.",
        "type": "string",
        "enum": [c.value for c in ErrorCode],
    }
    return dict(sorted(definitions.items()))


def bundle() -> Json:
    """One schema whose properties are the commands and events: the input of the TypeScript generator."""
    ref = "#/$defs/{model}"

    def named(shape: Any) -> Json:
        return {"$ref": ref.format(model=_name(shape))}

    def table(title: str, rows: dict[str, Json]) -> Json:
        return {
            "title": title,
            "type": "object",
            "additionalProperties": False,
            "properties": rows,
            "required": list(rows),
        }

    def command(c: Any) -> Json:
        return {
            "type": "object",
            "additionalProperties": False,
            "properties": {"request": named(c.request), "reply": named(c.reply)},
            "required": ["request", "reply"],
        }

    tables: dict[str, Json] = {}
    for namespace in get_args(Namespace):
        title = namespace.strip("/").title()
        tables[f"{title}Commands"] = table(
            f"{title}Commands", {c.name: command(c) for c in COMMANDS if c.namespace == namespace}
        )
        tables[f"{title}Events"] = table(
            f"{title}Events", {e.name: named(e.payload) for e in EVENTS if namespace in e.namespaces}
        )
    definitions = _without_field_titles(schemas(ref)) | tables
    return {
        "title": "Wire",
        "type": "object",
        "additionalProperties": False,
        "properties": {name: {"$ref": f"#/$defs/{name}"} for name in definitions},
        "required": list(definitions),
        "$defs": definitions,
    }


def _without_field_titles(schema: Any) -> Any:
    """Drops the titles pydantic gives to fields: the generator would make a named type of every one."""
    if isinstance(schema, list):
        return [_without_field_titles(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {key: _without_field_titles(value) for key, value in schema.items()}
    for field in (f for f in kept.get("properties", {}).values() if isinstance(f, dict)):
        field.pop("title", None)
    return kept


def openapi() -> Json:
    """OpenAPI 3.1 of the HTTP endpoints."""
    paths: Json = {}
    for route in routes.ROUTES:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    return {
        "openapi": "3.1.0",
        "info": {"title": "livedesk", "version": VERSION, "license": {"name": "Apache-2.0"}},
        "paths": paths,
        "components": {
            "schemas": schemas() | {"Refusal": _REFUSAL},
            "securitySchemes": {
                "buyer": {"type": "http", "scheme": "bearer"},
                "key": {"type": "http", "scheme": "bearer", "description": "A merchant's API key."},
                "agent": {"type": "apiKey", "in": "cookie", "name": "__Host-livedesk"},
            },
        },
    }


def _exactly(properties: Json) -> Json:
    """An object that has all of these and nothing else."""
    return {
        "type": "object",
        "required": list(properties),
        "additionalProperties": False,
        "properties": properties,
    }


_ERROR = _exactly(
    {
        "code": {"$ref": "#/components/schemas/ErrorCode"},
        "message": {"type": "string"},
        "data": {"type": "object"},
    }
)
_REFUSAL: Json = {"description": "Why the request was refused."} | _exactly({"error": _ERROR})
_REFUSED: Json = {"description": "Why the command was refused."} | _exactly(
    {"ok": {"const": False}, "error": _ERROR}
)

_EVERYWHERE = (
    ErrorCode.bad_request,
    ErrorCode.too_large,
    ErrorCode.rate_limited,
    ErrorCode.retry,
    ErrorCode.internal,
)


def _operation(route: Route) -> Json:
    def content(shape: Any) -> Json:
        return {"application/json": {"schema": {"$ref": _REF.format(model=_name(shape))}}}

    answers: Json = {"200": {"description": "Done.", "content": content(route.reply)}}
    for code in (*route.errors, *_EVERYWHERE):
        status = str(MEANINGS[code].status)
        words = answers.setdefault(
            status,
            {
                "description": "",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Refusal"}}},
            },
        )
        words["description"] = f"{words['description']} `{code}`: {MEANINGS[code].en}".strip()
    operation: Json = {
        "summary": route.about,
        "operationId": re.sub(r"[^a-z0-9]+", "_", f"{route.method} {route.path}".lower()).strip("_"),
        "tags": list(route.tags),
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"type": "string", "pattern": "^[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}$"},
            }
            for name in re.findall(r"{(\w+)}", route.path)
        ],
        "responses": answers,
    }
    if route.request is not None:
        operation["requestBody"] = {"required": True, "content": content(route.request)}
    if route.takes == "picture":
        picture = {"schema": {"type": "string", "contentMediaType": "image/*"}}
        operation["requestBody"] = {"required": True, "content": {"image/*": picture}}
    scheme = route.auth.partition("+")[0]
    if scheme in ("buyer", "agent", "key"):
        operation["security"] = [{scheme: []}]
    return operation


def asyncapi() -> Json:
    """AsyncAPI 3.0 of the Socket.IO namespaces: a channel a namespace, a message a command, acknowledgement
    (`NAME.reply`) or event."""
    channels: Json = {}
    operations: Json = {}
    for namespace in get_args(Namespace):
        key = namespace.strip("/")
        messages: Json = {}
        for c in (c for c in COMMANDS if c.namespace == namespace):
            messages[c.name] = {
                "name": c.name,
                "summary": c.about,
                "payload": {"$ref": _REF.format(model=_name(c.request))},
                "x-roles": sorted(c.roles),
                "x-owns": c.owns,
                "x-rate": c.rate,
                "x-errors": [e.value for e in (*c.errors, *ALWAYS)],
            }
            done = _exactly({"ok": {"const": True}, "data": {"$ref": _REF.format(model=_name(c.reply))}})
            messages[f"{c.name}.reply"] = {
                "name": f"{c.name}.reply",
                "summary": f"The acknowledgement of {c.name}.",
                "payload": {"oneOf": [done, {"$ref": _REF.format(model="Refused")}]},
            }
            operations[f"{key}.{c.name}"] = {
                "action": "receive",
                "channel": {"$ref": f"#/channels/{key}"},
                "messages": [{"$ref": f"#/channels/{key}/messages/{c.name}"}],
                "reply": {
                    "channel": {"$ref": f"#/channels/{key}"},
                    "messages": [{"$ref": f"#/channels/{key}/messages/{c.name}.reply"}],
                },
            }
        for e in (e for e in EVENTS if namespace in e.namespaces):
            messages[e.name] = {
                "name": e.name,
                "summary": e.about,
                "payload": {"$ref": _REF.format(model=_name(e.payload))},
            }
            operations[f"{key}.{e.name}"] = {
                "action": "send",
                "channel": {"$ref": f"#/channels/{key}"},
                "messages": [{"$ref": f"#/channels/{key}/messages/{e.name}"}],
            }
        channels[key] = {"address": namespace, "messages": messages}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "livedesk",
            "version": VERSION,
            "license": {"name": "Apache-2.0"},
            "description": "Socket.IO over WebSocket. Each command is acknowledged with {ok, data | error}.",
        },
        "channels": channels,
        "operations": operations,
        "components": {"schemas": schemas() | {"Refused": _REFUSED}},
    }


def page() -> str:
    """The catalogue as a page to read: `docs/protocol.md`."""
    lines = [
        "# Protocol",
        "",
        "Printed from `protocol/` by `python -m protocol.export`; do not edit. Shapes are in `/openapi.json`",
        "and `/asyncapi.json` of a running server.",
        "",
        "Socket.IO over WebSocket only, JSON only, frames of at most 64 kB. Auth payload `{token}`. Every",
        "command is acknowledged with `{ok: true, data}` or `{ok: false, error: {code, message, data}}`.",
    ]
    for namespace in get_args(Namespace):
        lines += [
            "",
            f"## Commands of `{namespace}`",
            "",
            "| command | who | must own | request → reply | refusals of its own |",
        ]
        lines += ["| --- | --- | --- | --- | --- |"]
        lines += [
            f"| `{c.name}` — {c.about} | {', '.join(sorted(c.roles))} | {c.owns} "
            f"| `{_name(c.request)}` → `{_name(c.reply)}` | {', '.join(f'`{e}`' for e in c.errors) or '—'} |"
            for c in COMMANDS
            if c.namespace == namespace
        ]
        lines += ["", f"## Events of `{namespace}`", "", "| event | payload | when |", "| --- | --- | --- |"]
        lines += [
            f"| `{e.name}` | `{_name(e.payload)}` | {e.about} |" for e in EVENTS if namespace in e.namespaces
        ]
    lines += ["", "Any command may also be refused with " + ", ".join(f"`{e}`" for e in ALWAYS) + "."]
    lines += ["", "## HTTP", "", "| endpoint | caller | request → reply |", "| --- | --- | --- |"]
    for r in routes.ROUTES:
        caller = f"API key with `{r.scope}`" if r.scope else r.auth
        request = (
            f"`{_name(r.request)}` → "
            if r.request
            else "a picture's bytes → "
            if r.takes == "picture"
            else ""
        )
        lines.append(f"| `{r.method} {r.path}` — {r.about} | {caller} | {request}`{_name(r.reply)}` |")
    lines += ["", "## Refusals", "", "| code | HTTP | en | 中文 |", "| --- | --- | --- | --- |"]
    lines += [f"| `{code}` | {m.status} | {m.en} | {m.zh} |" for code, m in MEANINGS.items()]
    lines += ["", "## Texts that a consent to recording names", ""]
    for name, texts in CONSENTS.items():
        lines += [f"* `{name}`"]
        lines += [
            f"  * {locale}: {words.ask} {words.promise} [{words.grant}] [{words.refuse}]"
            for locale, words in texts.items()
        ]
    return "\n".join(lines) + "\n"


def consents() -> str:
    """The texts about recording that are shown today, as a TypeScript module."""
    lines = ["/* Printed from protocol/ by protocol.export; do not edit. */"]
    for whom, name in SHOWN.items():
        texts = {locale: asdict(words) for locale, words in CONSENTS[name].items()}
        shown = json.dumps(texts, ensure_ascii=False, indent=2)
        lines.append(
            f'export const {whom.upper()}_CONSENT = {{ version: "{name}" as const, texts: {shown} }}'
        )
    return "\n".join(lines) + "\n"


def pretty(value: Json) -> str:
    """JSON as it is committed: readable and stable."""
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def main(root: Path) -> None:
    """Writes below `root`: the page, the TypeScript generator's input, the texts about recording."""
    (root / "docs").mkdir(exist_ok=True)
    (root / "docs/protocol.md").write_text(page(), "utf-8")
    (root / "protocol/typescript/wire.schema.json").write_text(pretty(bundle()), "utf-8")
    (root / "protocol/typescript/src/consents.ts").write_text(consents(), "utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
