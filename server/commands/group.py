"""`livedesk group …`: the skill groups (技能组) of a shop."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Literal

import typer

from server.commands.desk import desk, group_or_refuse, out, refuse, run, shop_or_refuse, table
from server.identifiers import new_id
from server.storage.shops import Group

OFFER_SECONDS = (5, 120)
"""Less than a glance takes is a trap, more is a buyer who waits for nobody."""

ShopId = Annotated[str, typer.Argument(metavar="SHOP", help="The shop's id.")]
Name = Annotated[str, typer.Argument(metavar="GROUP", help="The group's name.")]
Accept = Literal["auto", "offer"]
Seconds = Annotated[
    int | None,
    typer.Option(min=OFFER_SECONDS[0], max=OFFER_SECONDS[1], help="How long an offer stands (20)."),
]

app = typer.Typer(help="Skill groups of a shop.", no_args_is_help=True)


def add_to(whole: typer.Typer) -> None:
    whole.add_typer(app, name="group")


@app.command()
def create(
    shop_id: ShopId,
    name: Name,
    accept: Annotated[Accept, typer.Option(help="Assign by itself, or offer.")] = "auto",
    offer_seconds: Seconds = None,
    default: Annotated[bool, typer.Option("--default", help="Serves whom no rule fits.")] = False,
) -> None:
    """Create a group."""
    if not name.strip() or len(name) > 200 or not name.isprintable():
        refuse("A group's name is one line of 1 to 200 characters.")

    async def work() -> None:
        async with desk() as database, database.write() as unit:
            await shop_or_refuse(unit, shop_id)
            made = Group(new_id(), shop_id, name, accept, offer_seconds or 20, default)
            if not await unit.shops.create_group(made):
                refuse(f"The shop {shop_id} has a group {name} already.")

    run(work())
    out.print(f"The group {name} of {shop_id} is there.", highlight=False)


@app.command("list")
def list_(shop_id: ShopId) -> None:
    """Show the groups of a shop with their members."""

    async def work() -> list[tuple[object, ...]]:
        async with desk() as database, database.read() as reader:
            if await reader.shops.get(shop_id) is None:
                refuse(f"There is no shop {shop_id}; `livedesk shop list` shows all.")
            names = {person.id: person.display_name for person in await reader.people.all()}
            return [
                (
                    group.name,
                    group.accept,
                    f"{group.offer_seconds} s",
                    group.is_default,
                    [names[person_id] for person_id in await reader.shops.members(group.id)],
                )
                for group in await reader.shops.groups(shop_id)
            ]

    table(("group", "accept", "offer", "default", "members"), run(work()), empty="No groups.")


@app.command()
def change(
    shop_id: ShopId,
    name: Name,
    accept: Annotated[Accept | None, typer.Option(help="Assign by itself, or offer.")] = None,
    offer_seconds: Seconds = None,
    default: Annotated[bool, typer.Option("--default", help="Serves whom no rule fits.")] = False,
) -> None:
    """Change how a group takes its conversations."""
    if accept is None and offer_seconds is None and not default:
        refuse("Say what is to change: --accept, --offer-seconds or --default.")

    async def work() -> None:
        async with desk() as database, database.write() as unit:
            found = await group_or_refuse(unit, shop_id, name)
            changed = replace(
                found,
                accept=accept or found.accept,
                offer_seconds=offer_seconds or found.offer_seconds,
                is_default=default or found.is_default,
            )
            await unit.shops.change_group(changed)

    run(work())
    list_(shop_id)
