"""The demo's seed: a whole shop, made once, in a folder that is nobody else's."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from protocol import session
from queues.model import RoutingFacts, route
from server.auth.agents import SignIns
from server.auth.passwords import Passwords
from server.demo import seed
from server.demo.places import on_this_machine
from server.demo.running import demo_settings
from server.demo.script import DRESS, FRYER, THERMOS
from server.demo.seed import MARK, RULES, SHOP, STAFF, NotTheDemos, Secrets, claim, read_secrets
from server.rates import Rates
from server.storage.database import Database
from server.storage.shops import Shop
from signaling.ports import Client

NOW = 1_800_000_000_000
ROOM = "http://localhost:8081"


@pytest.fixture
async def passwords() -> AsyncIterator[Passwords]:
    made = Passwords(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
    yield made
    made.close()


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    claim(tmp_path)
    database = await Database.open(demo_settings(on_this_machine(8080), tmp_path).database, clock=lambda: NOW)
    yield database
    await database.close()


async def counted(db: Database) -> tuple[int, int, int, int]:
    async with db.read() as reader:
        return (
            await reader.shops.count(),
            len(await reader.people.all()),
            len(await reader.shops.api_keys(SHOP)),
            len(await reader.shops.identity_keys(SHOP)),
        )


async def test_everybody_of_the_demo_signs_in_with_the_password_that_is_printed(
    db: Database, passwords: Passwords, tmp_path: Path
) -> None:
    made = await seed.seed(db, passwords, tmp_path, ROOM)
    rates = Rates(None)
    sign_ins = SignIns(db, rates, passwords)
    for colleague in STAFF:
        login = session.Login(login=colleague.login, password=made.password)
        me, _ = await sign_ins.login(login, Client(address="127.0.0.1", origin=None, browser=""))
        assert me.name == colleague.name
        assert [(each.shop_id, each.role) for each in me.memberships] == [(SHOP, colleague.role)]
    await rates.close()


async def test_a_second_start_finds_everything_and_changes_only_the_rooms_address(
    db: Database, passwords: Passwords, tmp_path: Path
) -> None:
    made = await seed.seed(db, passwords, tmp_path, ROOM)
    before = await counted(db)
    again = await seed.seed(db, passwords, tmp_path, "http://localhost:9001")
    assert again == made == read_secrets(tmp_path)
    assert await counted(db) == before == (1, len(STAFF), 1, 1)
    async with db.read() as reader:
        shop = await reader.shops.get(SHOP)
    assert shop is not None
    assert shop.origins == ("http://localhost:9001",)


async def test_each_folder_gets_a_password_of_its_own(passwords: Passwords, tmp_path: Path) -> None:
    made: list[Secrets] = []
    for name in ("one", "other"):
        claim(tmp_path / name)
        database = await Database.open(
            demo_settings(on_this_machine(8080), tmp_path / name).database, clock=lambda: NOW
        )
        made.append(await seed.seed(database, passwords, tmp_path / name, ROOM))
        await database.close()
    assert made[0].password != made[1].password
    assert made[0].identity_secret != made[1].identity_secret


async def test_what_a_killed_start_left_behind_is_seeded_again(
    db: Database, passwords: Passwords, tmp_path: Path
) -> None:
    # The mark is written before the commit: a kill between them leaves secrets of a shop that is not there.
    (tmp_path / MARK).write_text('{"password": "a", "api_key": "b", "identity_secret": "c", "opened_at": 1}')
    made = await seed.seed(db, passwords, tmp_path, ROOM)
    assert made.password != "a"
    assert read_secrets(tmp_path) == made


def test_the_folder_of_another_desk_is_refused_and_stays_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "livedesk.db").write_bytes(b"somebody else's")
    with pytest.raises(NotTheDemos):
        claim(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["livedesk.db"]


async def test_a_database_with_another_shop_gets_no_demo_logins(
    db: Database, passwords: Passwords, tmp_path: Path
) -> None:
    async with db.write() as unit:
        await unit.shops.create(Shop("real", "真的店", "zh-CN", None, False, (), NOW))
    with pytest.raises(NotTheDemos):
        await seed.seed(db, passwords, tmp_path, ROOM)
    async with db.read() as reader:
        assert await reader.people.all() == []


def test_the_environment_cannot_lead_the_demo_to_another_database(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEDESK_DATABASE_URL", "postgresql://somewhere/real")
    monkeypatch.setenv("LIVEDESK_BIND", "192.0.2.1")
    settings = demo_settings(on_this_machine(8080), tmp_path)
    assert settings.database == f"sqlite:///{tmp_path / 'livedesk.db'}"
    assert settings.bind == "127.0.0.1"


async def test_the_secrets_are_readable_by_their_owner_alone(
    db: Database, passwords: Passwords, tmp_path: Path
) -> None:
    await seed.seed(db, passwords, tmp_path, ROOM)
    assert stat.S_IMODE((tmp_path / MARK).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("category", "language", "able"),
    [
        (DRESS.category, "zh-CN", {"木槿"}),
        (FRYER.category, "zh-CN", {"白川"}),
        (THERMOS.category, "zh-CN", {"木槿", "白川", "安妮"}),
        (DRESS.category, "en", {"安妮"}),
    ],
)
async def test_a_question_reaches_those_who_have_the_skill(
    db: Database, passwords: Passwords, tmp_path: Path, category: str, language: str, able: set[str]
) -> None:
    await seed.seed(db, passwords, tmp_path, ROOM)
    async with db.read() as reader:
        routing = await reader.line.routing(SHOP)
        asked = RoutingFacts(entry_point="live", product_category=category, language=language)
        chosen = route(routing.rules, asked, routing.default_group)
        found = set()
        for person_id in await reader.shops.members(chosen.group_id):
            levels = await reader.people.skills(person_id, SHOP)
            if all(levels.get(each.skill, 0) >= each.level for each in chosen.requirements):
                person = await reader.people.get(person_id)
                assert person is not None
                found.add(person.display_name)
    assert found == able


def test_every_rule_names_a_group_and_skills_that_somebody_has() -> None:
    for rule in RULES:
        members = [colleague for colleague in STAFF if rule.group in colleague.groups]
        assert any(
            all(each.skills.get(skill, 0) >= level for skill, level in rule.requirements.items())
            for each in members
        )
