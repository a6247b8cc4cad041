"""`livedesk key …`: API keys of merchants' servers."""

from __future__ import annotations

from typing import Annotated, cast

import typer

from protocol.base import Scope
from server.auth import staff
from server.auth.permissions import SCOPES
from server.commands.desk import desk, out, refuse, run, shop_or_refuse, show_once, table, when

ShopId = Annotated[str, typer.Argument(metavar="SHOP", help="The shop's id.")]

app = typer.Typer(help="API keys of merchants' servers.", no_args_is_help=True)


def add_to(whole: typer.Typer) -> None:
    whole.add_typer(app, name="key")


@app.command()
def create(
    shop_id: ShopId,
    name: Annotated[str, typer.Argument(help="What it is for.")],
    scope: Annotated[list[str], typer.Option(help=f"One or more of {', '.join(sorted(SCOPES))}.")],
) -> None:
    """Create a key. Its secret is shown once and kept nowhere."""
    if not name.strip() or len(name) > 200 or not name.isprintable():
        refuse("A key's name is one line of 1 to 200 characters.")
    for each in scope:
        if each not in SCOPES:
            refuse(f"There is no scope {each}; there are {', '.join(sorted(SCOPES))}.")
    scopes = [cast(Scope, each) for each in dict.fromkeys(scope)]

    async def work() -> str:
        async with desk() as database, database.write() as unit:
            await shop_or_refuse(unit, shop_id)
            _, secret = await staff.add_api_key(
                unit, shop_id=shop_id, name=name, scopes=scopes, now=database.clock()
            )
            return secret

    show_once(f"The API key {name} of {shop_id}", run(work()))


@app.command("list")
def list_(shop_id: ShopId) -> None:
    """Show the keys of a shop; never their secrets."""

    async def work() -> list[tuple[object, ...]]:
        async with desk() as database, database.write() as unit:
            await shop_or_refuse(unit, shop_id)
            found = await unit.shops.api_keys(shop_id)
            return [(k.id, k.name, k.scopes, when(k.created_at), when(k.revoked_at)) for k in found]

    table(("key", "name", "scopes", "since", "revoked"), run(work()), empty="This shop has no API keys.")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="KEY", help="The key's id, from the list.")],
) -> None:
    """Let the key in no more; what it opened in agents' names closes within seconds."""

    async def work() -> bool:
        async with desk() as database, database.write() as unit:
            return await staff.revoke_api_key(unit, key_id, database.clock())

    if not run(work()):
        refuse(f"There is no key {key_id} in force.")
    out.print(f"The key {key_id} is revoked.", highlight=False)
