"""What an operator sets up before a shop opens: the demo's shop, its keys, people, groups and rules.

Everything lies in the demo's own data folder, marked by a file. A folder that holds another desk is refused,
so its logins never come to stand beside real ones. Seeding again changes nothing but the room's address.
"""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from protocol.base import Role, Scope
from server.auth import staff
from server.auth.passwords import Passwords
from server.auth.secrets import Seal
from server.identifiers import new_id
from server.storage.database import Database, Unit
from server.storage.shops import Group, RoutingRule, Shop

SHOP = "cloud-living"
SHOP_NAME = "云朵生活馆"
ACCENT = "#c8321f"
"""The shop's red; the widget wears it, too."""
KID = "demo"
SCOPES: tuple[Scope, ...] = ("catalogue", "orders", "ingest")
MARK = "demo.json"
"""The file that makes a data folder the demo's; it holds the secrets of the demo's merchant."""
DATABASE = "livedesk.db"
"""What a desk's data folder holds where nothing else is set."""

CLOTHES, APPLIANCES, ENGLISH, ADVICE = "服饰", "家电", "英语", "售前"
"""Skills; the first two are also categories of products."""
CLOTHES_GROUP, APPLIANCE_GROUP, FRONT_GROUP = "服饰组", "家电组", "综合组"
NEEDED = 3
"""The least level that a rule asks for: who has learned a little of a trade is not asked first."""

_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without l, i, o, 0 and 1: the password is read off one screen and typed on another."""


@dataclass(frozen=True, slots=True)
class Colleague:
    """Somebody who works in the demo's shop."""

    login: str
    name: str
    role: Role
    groups: tuple[str, ...]
    skills: Mapping[str, int]


STAFF = (
    Colleague("mujin", "木槿", "agent", (CLOTHES_GROUP, FRONT_GROUP), {CLOTHES: 5, ADVICE: 3}),
    Colleague("baichuan", "白川", "agent", (APPLIANCE_GROUP, FRONT_GROUP), {APPLIANCES: 5, ADVICE: 3}),
    Colleague(
        "annie",
        "安妮",
        "agent",
        (CLOTHES_GROUP, APPLIANCE_GROUP, FRONT_GROUP),
        {ENGLISH: 5, ADVICE: 5, CLOTHES: 2, APPLIANCES: 2},
    ),
    Colleague("zhixia", "知夏", "supervisor", (), {}),
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One of the shop's routing rules, by names."""

    condition: Mapping[str, str]
    group: str
    requirements: Mapping[str, int]


RULES = (
    Rule({"language": "en"}, FRONT_GROUP, {ENGLISH: NEEDED}),
    Rule({"product_category": CLOTHES}, CLOTHES_GROUP, {CLOTHES: NEEDED}),
    Rule({"product_category": APPLIANCES}, APPLIANCE_GROUP, {APPLIANCES: NEEDED}),
)
"""In their order. What none of them takes goes to the front group, whoever has been idle longest."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the demo's merchant and its people know. `opened_at`: when the shop opened, epoch milliseconds."""

    password: str
    api_key: str
    identity_secret: str
    opened_at: int


class NotTheDemos(Exception):
    """The data folder holds a desk that no demo made. The text is one sentence."""


def claim(folder: Path) -> None:
    """Makes the data folder the demo's, before a database is in it. Raises `NotTheDemos`."""
    if (folder / MARK).exists():
        return
    if (folder / DATABASE).exists():
        raise NotTheDemos(
            f"The folder {folder} holds a desk that no demo made; give the demo one of its own."
        )
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / MARK, "{}")


def read_secrets(folder: Path) -> Secrets | None:
    """What the demo in this data folder was seeded with, None where it was not."""
    try:
        found = json.loads((folder / MARK).read_text("utf-8"))
    except FileNotFoundError:
        return None
    return Secrets(**found) if found else None


async def seed(db: Database, passwords: Passwords, folder: Path, room_origin: str) -> Secrets:
    """The demo's shop in `db`, made unless it is there. `folder` was claimed. Raises `NotTheDemos`."""
    known = read_secrets(folder)
    async with db.read() as reader:
        shops = {shop.id for shop in await reader.shops.all()}
    if shops and (known is None or SHOP not in shops):
        raise NotTheDemos(f"The database in {folder} is not the demo's; give the demo a folder of its own.")
    if known is not None and shops:
        async with db.write() as unit:
            await unit.shops.change(SHOP, origins=[room_origin])
        return known
    password = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(3))
    hashes = [await passwords.hash(password) for _ in STAFF]
    async with db.write() as unit:
        now = db.clock()
        api_key, identity_secret = await _open_shop(unit, Seal(db.secret), room_origin, now)
        await _hire(unit, hashes, now)
        made = Secrets(password, api_key, identity_secret, now)
        # Before the commit: a shop without its secrets would be lost, secrets without a shop are made anew.
        _write(folder / MARK, json.dumps(asdict(made), indent=2))
    return made


async def _open_shop(unit: Unit, seal: Seal, room_origin: str, now: int) -> tuple[str, str]:
    shop = Shop(
        id=SHOP,
        name=SHOP_NAME,
        locale="zh-CN",
        accent=ACCENT,
        anonymous=True,
        origins=(room_origin,),
        created_at=now,
    )
    await unit.shops.create(shop)
    _, api_key = await staff.add_api_key(unit, shop_id=SHOP, name="直播间", scopes=list(SCOPES), now=now)
    _, secret = await staff.add_identity_key(
        unit, seal, shop_id=SHOP, kid=KID, alg="HS256", public=None, now=now
    )
    if secret is None:
        raise RuntimeError("the kid of a new shop cannot be taken")
    return api_key, secret


async def _hire(unit: Unit, hashes: Sequence[str], now: int) -> None:
    groups: dict[str, str] = {}
    for name in (CLOTHES_GROUP, APPLIANCE_GROUP, FRONT_GROUP):
        group = Group(
            id=new_id(),
            shop_id=SHOP,
            name=name,
            accept="auto",
            offer_seconds=20,
            is_default=name == FRONT_GROUP,
        )
        await unit.shops.create_group(group)
        groups[name] = group.id
    for colleague, password_hash in zip(STAFF, hashes, strict=True):
        person = await staff.add_person(
            unit, display_name=colleague.name, logins=[colleague.login], password_hash=password_hash, now=now
        )
        if person is None:
            raise RuntimeError(f"{colleague.login} is there already")
        await staff.set_role(unit, person.id, SHOP, colleague.role, now)
        for name in colleague.groups:
            await unit.shops.join_group(groups[name], person.id)
        await unit.people.set_skills(person.id, SHOP, colleague.skills)
    rules = [
        RoutingRule(SHOP, position, dict(rule.condition), groups[rule.group], dict(rule.requirements))
        for position, rule in enumerate(RULES, 1)
    ]
    await unit.shops.replace_rules(SHOP, rules)


def _write(path: Path, text: str) -> None:
    """Readable by the owner alone, whole or not at all, also after a power cut."""
    unfinished = path.with_suffix(".part")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)
