"""`livedesk agent …`: people, their shops and roles, groups and skills, passwords."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from server.auth import staff
from server.auth.agents import folded
from server.auth.passwords import Passwords
from server.commands.desk import (
    desk,
    group_or_refuse,
    out,
    person_or_refuse,
    refuse,
    run,
    shop_or_refuse,
    table,
    when,
)
from server.commands.shop import levels
from server.storage.database import Unit

Role = Literal["agent", "supervisor", "admin"]
Login = Annotated[str, typer.Argument(metavar="LOGIN", help="工号, phone or e-mail.")]
ShopId = Annotated[str, typer.Argument(metavar="SHOP", help="The shop's id.")]
MAX_LOGIN = 200

app = typer.Typer(help="People: sign-ins, roles, groups, skills.", no_args_is_help=True)


def add_to(whole: typer.Typer) -> None:
    whole.add_typer(app, name="agent")


@app.command()
def create(
    login: Annotated[list[str], typer.Argument(metavar="LOGIN...", help="工号, phone, e-mail: one or more.")],
    name: Annotated[str, typer.Option(help="花名: all that buyers see.")],
    shop: Annotated[str | None, typer.Option(help="The shop he works in.")] = None,
    role: Annotated[Role, typer.Option(help="His role there.")] = "agent",
) -> None:
    """Create a person. The password is asked for, or read from standard input."""
    if not name.strip() or len(name) > 200 or not name.isprintable():
        refuse("A name is one line of 1 to 200 characters.")
    for each in login:
        if not folded(each) or len(each) > MAX_LOGIN or not each.isprintable():
            refuse(f"A login is one line of 1 to {MAX_LOGIN} characters.")
    password = _password()

    async def work() -> str | None:
        hashed = await _hash(password)
        async with desk() as database, database.write() as unit:
            if shop is not None:
                await shop_or_refuse(unit, shop)
            person = await staff.add_person(
                unit, display_name=name, logins=login, password_hash=hashed, now=database.clock()
            )
            if person is None:
                refuse(f"One of {', '.join(login)} is somebody's login already.")
            if shop is None:
                return None
            return await _join(unit, person.id, shop, role, database.clock())

    group = run(work())
    serves = "" if group is None else f" and serves in the group {group}"
    out.print(f"{name} signs in as {login[0]}{serves}.", highlight=False, markup=False)


@app.command("list")
def list_(shop: Annotated[str | None, typer.Option(help="Only those of this shop.")] = None) -> None:
    """Show people with their shops and roles."""

    async def work() -> list[tuple[object, ...]]:
        async with desk() as database, database.read() as reader:
            return [
                (
                    person.display_name,
                    await reader.people.logins(person.id),
                    [f"{s}: {role}" for s, role in (await reader.people.memberships(person.id)).items()],
                    when(person.disabled_at),
                )
                for person in await reader.people.all(shop)
            ]

    table(("name", "logins", "shops", "disabled"), run(work()), empty="Nobody is there yet.")


@app.command()
def disable(login: Login) -> None:
    """End everything he has open, within seconds, and let him in no more."""

    async def work() -> None:
        async with desk() as database, database.write() as unit:
            person = await person_or_refuse(unit, login)
            await staff.disable(unit, person.id, database.clock())

    run(work())
    out.print(f"{login} is disabled; open sockets close within 5 s.", highlight=False)


@app.command()
def enable(login: Login) -> None:
    """Let him sign in again."""

    async def work() -> None:
        async with desk() as database, database.write() as unit:
            await staff.enable(unit, (await person_or_refuse(unit, login)).id)

    run(work())
    out.print(f"{login} may sign in again.", highlight=False)


@app.command()
def join(
    login: Login, shop: ShopId, role: Annotated[Role, typer.Option(help="His role there.")] = "agent"
) -> None:
    """Let him work in a shop; an agent serves in its default group at once."""

    async def work() -> str | None:
        async with desk() as database, database.write() as unit:
            person = await person_or_refuse(unit, login)
            await shop_or_refuse(unit, shop)
            if shop in await unit.people.memberships(person.id):
                refuse(f"{login} works in {shop} already; `livedesk agent role` changes his role.")
            return await _join(unit, person.id, shop, role, database.clock())

    group = run(work())
    serves = "" if group is None else f" and serves in the group {group}"
    out.print(f"{login} is {role} in {shop}{serves}.", highlight=False, markup=False)


async def _join(unit: Unit, person_id: str, shop_id: str, role: Role, now: int) -> str | None:
    """Lets a person work in a shop; the name of the group where he serves from now on, None where in none.

    Who is in no group is never given a conversation, and nothing on his screen would say why. Supervisors and
    admins come to look; `livedesk agent group` puts them into one.
    """
    await staff.set_role(unit, person_id, shop_id, role, now)
    default = next((each for each in await unit.shops.groups(shop_id) if each.is_default), None)
    if role != "agent" or default is None:
        return None
    await unit.shops.join_group(default.id, person_id)
    return default.name


@app.command()
def role(login: Login, shop: ShopId, role: Annotated[Role, typer.Argument(metavar="ROLE")]) -> None:
    """Change his role in a shop; open sockets have it within seconds."""

    async def work() -> None:
        async with desk() as database, database.write() as unit:
            person = await person_or_refuse(unit, login)
            if shop not in await unit.people.memberships(person.id):
                refuse(f"{login} does not work in {shop}; `livedesk agent join` lets him.")
            await staff.set_role(unit, person.id, shop, role, database.clock())

    run(work())
    out.print(f"{login} is {role} in {shop}.", highlight=False)


@app.command()
def leave(login: Login, shop: ShopId) -> None:
    """Take him out of a shop, its groups and skills."""

    async def work() -> None:
        async with desk() as database, database.write() as unit:
            person = await person_or_refuse(unit, login)
            if shop not in await unit.people.memberships(person.id):
                refuse(f"{login} does not work in {shop}.")
            await staff.set_role(unit, person.id, shop, None, database.clock())

    run(work())
    out.print(f"{login} works in {shop} no longer.", highlight=False)


@app.command()
def group(
    login: Login,
    shop: ShopId,
    name: Annotated[str, typer.Argument(metavar="GROUP")],
    leave: Annotated[bool, typer.Option("--leave", help="Take him out instead.")] = False,
) -> None:
    """Put him into a group of a shop he works in."""

    async def work() -> None:
        async with desk() as database, database.write() as unit:
            person = await person_or_refuse(unit, login)
            found = await group_or_refuse(unit, shop, name)
            if shop not in await unit.people.memberships(person.id):
                refuse(f"{login} does not work in {shop}; `livedesk agent join` lets him.")
            if leave and not await unit.shops.leave_group(found.id, person.id):
                refuse(f"{login} is not in {name}.")
            if not leave and not await unit.shops.join_group(found.id, person.id):
                refuse(f"{login} is in {name} already.")

    run(work())
    out.print(f"{login} is {'out of' if leave else 'in'} {name}.", highlight=False)


@app.command()
def skill(
    login: Login,
    shop: ShopId,
    skills: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=LEVEL...", help="1 to 5; 0 takes it away.")
    ] = None,
) -> None:
    """Show or change what he can in a shop, 1 to 5."""
    given = levels(skills or [], least=0)

    async def work() -> dict[str, int]:
        async with desk() as database, database.write() as unit:
            person = await person_or_refuse(unit, login)
            if shop not in await unit.people.memberships(person.id):
                refuse(f"{login} does not work in {shop}; `livedesk agent join` lets him.")
            before = await unit.people.skills(person.id, shop)
            after = {name: level for name, level in (before | given).items() if level}
            if after != before:
                await unit.people.set_skills(person.id, shop, after)
            return after

    table(("skill", "level"), run(work()).items(), empty=f"{login} has no skills in {shop}.")


@app.command()
def password(login: Login) -> None:
    """Set a new password; all his sign-ins end."""
    new = _password()

    async def work() -> None:
        hashed = await _hash(new)
        async with desk() as database, database.write() as unit:
            person = await person_or_refuse(unit, login)
            await staff.set_password(unit, person.id, hashed, database.clock())

    run(work())
    out.print(f"{login} has a new password; all sign-ins ended.", highlight=False)


def _password() -> str:
    """From a terminal hidden and twice, from a script the first line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("Password", hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


async def _hash(password: str) -> str:
    passwords = Passwords()
    try:
        return await passwords.hash(password)
    except ValueError as error:
        refuse(str(error))
    finally:
        passwords.close()
