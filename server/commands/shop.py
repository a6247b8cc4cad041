"""`livedesk shop …`: shops, their origins, the keys of their identities, their routing rules."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from recordings.retention import Policy
from server.auth import staff
from server.auth.secrets import Seal
from server.commands.desk import (
    desk,
    err,
    group_or_refuse,
    out,
    refuse,
    run,
    settings_or_refuse,
    shop_or_refuse,
    show_once,
    table,
    when,
)
from server.config import exact_origin
from server.http.files import BuildMissing
from server.http.pages import LOADER, pinned_loader, read_widget
from server.identifiers import new_id
from server.storage.shops import Group, RoutingRule, Shop

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
_ACCENT = re.compile(r"#[0-9a-fA-F]{6}")
MAX_ORIGINS = 100
MAX_RULES = 200
FIRST_GROUP = {"zh-CN": "客服", "en": "Service"}
"""Every shop has a group from its first moment: a conversation needs one."""

UPDATES = "The loader updates by itself with the desk."
STAYS = "Exactly this loader runs. Once the desk has another, nothing loads until these lines are renewed."
SNIPPET = """\
<!-- {trade} -->
<script src="{source}" data-shop="{shop}" async></script>
<script>
  window.LiveDesk = window.LiveDesk || []
{identity}\
  // For a button of the page, with where the buyer stands: ask({{ liveSession, product, order, positionMs }})
  function ask(place) {{
    LiveDesk.push(['open', place])
  }}
</script>
"""
IDENTITY = """\
  // A page of the shop's own server: the token that it signs for who is signed in, nothing for who is not.
  LiveDesk.push(['setIdentity', async () => (await fetch('/desk-identity')).text()])
"""

ShopId = Annotated[str, typer.Argument(metavar="SHOP", help="The shop's id.")]
Locale = Literal["zh-CN", "en"]

app = typer.Typer(help="Shops: origins, identity keys, routing rules.", no_args_is_help=True)
keys = typer.Typer(
    help="Keys by which a shop's own server signs its buyers' identities.", no_args_is_help=True
)
rules = typer.Typer(help="Which group serves whom: the first rule that fits.", no_args_is_help=True)
app.add_typer(keys, name="key")
app.add_typer(rules, name="rule")


def add_to(whole: typer.Typer) -> None:
    whole.add_typer(app, name="shop")


@app.command()
def create(
    shop_id: ShopId,
    name: Annotated[str, typer.Option(help="What buyers read.")],
    locale: Annotated[Locale, typer.Option(help="The shop's first language.")] = "zh-CN",
    accent: Annotated[str | None, typer.Option(help="Colour of the widget, #rrggbb.")] = None,
    anonymous: Annotated[bool, typer.Option(help="Serve visitors who are not signed in.")] = True,
    origin: Annotated[list[str] | None, typer.Option(help="Origin that may embed the widget.")] = None,
) -> None:
    """Create a shop with its first group."""
    if not _ID.fullmatch(shop_id):
        refuse("A shop's id has 1 to 64 of letters, digits, _ . : -")
    if accent is not None and not _ACCENT.fullmatch(accent):
        refuse("--accent is a colour as #rrggbb.")
    made = Shop(shop_id, _line(name), locale, accent, anonymous, _origins(origin or []), 0)

    async def work() -> None:
        async with desk() as database, database.write() as unit:
            now = database.clock()
            stored = Shop(**{f: getattr(made, f) for f in Shop.__dataclass_fields__} | {"created_at": now})
            if not await unit.shops.create(stored):
                refuse(f"There is a shop {shop_id} already.")
            await unit.shops.create_group(Group(new_id(), shop_id, FIRST_GROUP[locale], "auto", 20, True))

    run(work())
    out.print(f"Shop {shop_id} is there, with the group {FIRST_GROUP[locale]}.", highlight=False)


@app.command("list")
def list_() -> None:
    """Show all shops."""

    async def work() -> list[Shop]:
        async with desk() as database, database.read() as reader:
            return await reader.shops.all()

    table(
        ("shop", "name", "language", "visitors", "origins", "since"),
        (
            (shop.id, shop.name, shop.locale, shop.anonymous, shop.origins, when(shop.created_at))
            for shop in run(work())
        ),
        empty="There is no shop yet: `livedesk shop create ID --name NAME`.",
    )


@app.command()
def change(
    shop_id: ShopId,
    name: Annotated[str | None, typer.Option(help="What buyers read.")] = None,
    locale: Annotated[Locale | None, typer.Option(help="The shop's first language.")] = None,
    accent: Annotated[str | None, typer.Option(help="Colour of the widget, #rrggbb.")] = None,
    anonymous: Annotated[bool | None, typer.Option(help="Serve visitors who are not signed in.")] = None,
    recordings_days: Annotated[
        int | None, typer.Option(help="Days for which recordings of calls can be watched.")
    ] = None,
    statutory_days: Annotated[
        int | None,
        typer.Option(help="Days for which a law makes the shop keep their bytes, unwatched; 0 for none."),
    ] = None,
) -> None:
    """Change what a shop is called, speaks, looks like, whom it serves and how long it keeps recordings."""
    if accent is not None and not _ACCENT.fullmatch(accent):
        refuse("--accent is a colour as #rrggbb.")
    given = {
        "name": None if name is None else _line(name),
        "locale": locale,
        "accent": accent,
        "anonymous": anonymous,
        "recordings_kept_days": recordings_days,
    }
    values: dict[str, Any] = {field: value for field, value in given.items() if value is not None}
    if statutory_days is not None:
        values["recordings_statutory_days"] = statutory_days or None
    if not values:
        refuse("Say what is to change, as --name or --recordings-days.")

    async def work() -> None:
        async with desk() as database, database.write() as unit:
            shop = await shop_or_refuse(unit, shop_id)
            try:
                kept = replace(shop, **values)
                Policy(kept.recordings_kept_days, kept.recordings_statutory_days)
            except ValueError as error:
                refuse(f"{str(error).capitalize()}.")
            await unit.shops.change(shop_id, **values)

    run(work())
    out.print(f"Shop {shop_id} is changed.", highlight=False)


@app.command()
def origins(
    shop_id: ShopId,
    add: Annotated[list[str] | None, typer.Option(help="scheme://host[:port]")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="scheme://host[:port]")] = None,
) -> None:
    """Show or change the pages that may embed the shop's widget: exact origins, no wildcards."""
    added, removed = _origins(add or []), _origins(remove or [])

    async def work() -> list[str]:
        async with desk() as database, database.write() as unit:
            shop = await shop_or_refuse(unit, shop_id)
            for origin in removed:
                if origin not in shop.origins:
                    refuse(f"{origin} is not on the list.")
            kept = [origin for origin in shop.origins if origin not in removed]
            kept += [origin for origin in added if origin not in kept]
            if len(kept) > MAX_ORIGINS:
                refuse(f"A shop has at most {MAX_ORIGINS} origins.")
            if added or removed:
                await unit.shops.change(shop_id, origins=kept)
            return kept

    table(("origin",), ((origin,) for origin in run(work())), empty="No page may embed this shop's widget.")


@app.command()
def embed(
    shop_id: ShopId,
    pinned: Annotated[
        bool, typer.Option("--pinned", help="Load exactly today's loader, with Subresource Integrity.")
    ] = False,
) -> None:
    """Print the lines by which a page of the shop embeds the widget."""
    settings = settings_or_refuse()

    async def work() -> tuple[Shop, bool]:
        async with desk() as database, database.write() as unit:
            shop = await shop_or_refuse(unit, shop_id)
            keys = await unit.shops.identity_keys(shop_id)
            return shop, any(key.revoked_at is None for key in keys)

    shop, identified = run(work())
    source, trade = f"{settings.origin}/widget/{LOADER}", UPDATES
    if pinned:
        try:
            loader = pinned_loader(read_widget())
        except BuildMissing as missing:
            refuse(str(missing))
        source = f'{settings.origin}{loader.path}" integrity="{loader.integrity}" crossorigin="anonymous'
        trade = STAYS
    identity = IDENTITY if identified else ""
    typer.echo(SNIPPET.format(source=source, shop=shop_id, trade=trade, identity=identity), nl=False)
    if settings.public_url is None:
        _note("LIVEDESK_PUBLIC_URL is not set: this address is good on this machine alone.")
    if not shop.origins:
        _note(f"No page may embed it yet: `livedesk shop origins {shop_id} --add https://…`.")
    if not identified:
        _note(f"Buyers are visitors until the shop has a key: `livedesk shop key add {shop_id} …`.")


@keys.command("add")
def add_key(
    shop_id: ShopId,
    kid: Annotated[str, typer.Argument(help="The name that stands in the tokens' header.")],
    alg: Annotated[Literal["EdDSA", "ES256", "HS256"], typer.Option(help="The one algorithm of this key.")],
    public: Annotated[
        Path | None, typer.Option(help="File with the public key, PEM or JWK.", exists=True, dir_okay=False)
    ] = None,
) -> None:
    """Register a public key, or make an HS256 secret that is shown once."""
    if not _ID.fullmatch(kid):
        refuse("A kid has 1 to 64 of letters, digits, _ . : -")
    if (alg == "HS256") == (public is not None):
        refuse("EdDSA and ES256 need --public FILE; HS256 has none, its secret is made here.")

    async def work() -> str | None:
        async with desk() as database, database.write() as unit:
            await shop_or_refuse(unit, shop_id)
            try:
                stored, secret = await staff.add_identity_key(
                    unit,
                    Seal(database.secret),
                    shop_id=shop_id,
                    kid=kid,
                    alg=alg,
                    public=None if public is None else public.read_text("utf-8"),
                    now=database.clock(),
                )
            except ValueError as error:
                refuse(f"{error}.")
            if not stored:
                refuse(f"The shop {shop_id} has a key {kid} already; kids are not used twice.")
            return secret

    secret = run(work())
    if secret is None:
        out.print(f"The key {kid} of {shop_id} verifies {alg} from now on.", highlight=False)
    else:
        show_once(f"The HS256 secret {kid} of {shop_id}", secret)


@keys.command("list")
def list_keys(shop_id: ShopId) -> None:
    """Show the keys of a shop; never their secrets."""

    async def work() -> list[tuple[object, ...]]:
        async with desk() as database, database.write() as unit:
            await shop_or_refuse(unit, shop_id)
            found = await unit.shops.identity_keys(shop_id)
            return [(key.kid, key.alg, when(key.created_at), when(key.revoked_at)) for key in found]

    table(
        ("kid", "algorithm", "since", "revoked"),
        run(work()),
        empty="No identity is accepted in this shop yet.",
    )


@keys.command("revoke")
def revoke_key(shop_id: ShopId, kid: Annotated[str, typer.Argument()]) -> None:
    """Accept no identity signed with this key from now on."""

    async def work() -> bool:
        async with desk() as database, database.write() as unit:
            return await unit.shops.revoke_identity_key(shop_id, kid, database.clock())

    if not run(work()):
        refuse(f"The shop {shop_id} has no key {kid} in force.")
    out.print(f"The key {kid} of {shop_id} is revoked.", highlight=False)


@rules.command("list")
def list_rules(shop_id: ShopId) -> None:
    """Show a shop's rules in their order."""

    async def work() -> list[tuple[object, ...]]:
        async with desk() as database, database.write() as unit:
            await shop_or_refuse(unit, shop_id)
            names = {group.id: group.name for group in await unit.shops.groups(shop_id)}
            return [
                (
                    rule.position,
                    [f"{field}={value}" for field, value in rule.condition.items()] or "always",
                    names.get(rule.group_id, rule.group_id),
                    [f"{skill}≥{level}" for skill, level in rule.requirements.items()],
                )
                for rule in await unit.shops.rules(shop_id)
            ]

    table(
        ("#", "when", "group", "skills"), run(work()), empty="No rules: the default group serves everybody."
    )


@rules.command("add")
def add_rule(
    shop_id: ShopId,
    group: Annotated[str, typer.Option(help="The group that serves.")],
    entry_point: Annotated[Literal["live", "order", "page"] | None, typer.Option()] = None,
    category: Annotated[str | None, typer.Option(help="The product's category.")] = None,
    language: Annotated[Locale | None, typer.Option()] = None,
    tier: Annotated[str | None, typer.Option(help="The buyer's tier.")] = None,
    skill: Annotated[list[str] | None, typer.Option(help="name=level that the agent needs.")] = None,
    at: Annotated[int | None, typer.Option(help="Position; the last where not given.", min=1)] = None,
) -> None:
    """Add a rule. What is not named fits everybody."""
    given = {"entry_point": entry_point, "product_category": category, "language": language, "tier": tier}
    condition = {field: value for field, value in given.items() if value is not None}
    requirements = levels(skill or [], least=1)

    async def work() -> None:
        async with desk() as database, database.write() as unit:
            found = await group_or_refuse(unit, shop_id, group)
            rules = await unit.shops.rules(shop_id)
            if len(rules) >= MAX_RULES:
                refuse(f"A shop has at most {MAX_RULES} rules.")
            place = len(rules) if at is None else min(at - 1, len(rules))
            rules.insert(place, RoutingRule(shop_id, 0, condition, found.id, requirements))
            await unit.shops.replace_rules(shop_id, rules)

    run(work())
    list_rules(shop_id)


@rules.command("remove")
def remove_rule(shop_id: ShopId, position: Annotated[int, typer.Argument(metavar="#", min=1)]) -> None:
    """Remove a rule by its position."""

    async def work() -> None:
        async with desk() as database, database.write() as unit:
            await shop_or_refuse(unit, shop_id)
            rules = await unit.shops.rules(shop_id)
            kept = [rule for rule in rules if rule.position != position]
            if len(kept) == len(rules):
                refuse(f"The shop {shop_id} has no rule {position}.")
            await unit.shops.replace_rules(shop_id, kept)

    run(work())
    list_rules(shop_id)


def levels(given: list[str], *, least: int) -> dict[str, int]:
    """Skills as `name=level`; the levels are 1 to 5, with `least` 0 a skill can be taken away."""
    found: dict[str, int] = {}
    for item in given:
        name, _, level = item.partition("=")
        if not name.strip() or len(name) > 64 or level not in {str(n) for n in range(least, 6)}:
            refuse(f"A skill is written name=level with a level from {least} to 5, not {item}.")
        found[name.strip()] = int(level)
    return found


def _note(sentence: str) -> None:
    """Beside what a script takes from standard output."""
    err.print(sentence, markup=False, highlight=False, soft_wrap=True)


def _origins(given: list[str]) -> tuple[str, ...]:
    try:
        return tuple(dict.fromkeys(exact_origin(origin) for origin in given))
    except ValueError as error:
        refuse(f"An origin {error}.")


def _line(text: str) -> str:
    if not text.strip() or len(text) > 200 or not text.isprintable():
        refuse("A name is one line of 1 to 200 characters.")
    return text
