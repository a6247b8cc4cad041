"""An operator sets a desk up with the command line, and every mistake is one sentence."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwk, jwt

from protocol import session
from protocol.errors import ErrorCode, Refused
from server.auth.agents import SignIns
from server.auth.buyers import BuyerSessions
from server.auth.keys import ApiKeys
from server.auth.passwords import Passwords
from server.http.files import BuildMissing
from server.http.pages import pinned_loader, read_widget
from server.identifiers import epoch_ms
from server.rates import Rates
from server.storage.database import Database
from signaling.ports import Client
from tests.cli.conftest import Type
from tests.http.site import write_build

HERE = Client(address="192.0.2.1", origin=None, browser="")
PASSWORD = "correct horse battery"


def ask(tmp_path: Path, work: Any) -> Any:
    """Does `work(database)` on the desk that was set up."""

    async def run() -> Any:
        database = await Database.open(f"sqlite:///{tmp_path / 'data' / 'livedesk.db'}", clock=epoch_ms)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(run())


def test_a_shop_is_created_with_a_group_and_listed(type_: Type) -> None:
    type_("shop", "create", "shop-a", "--name", "云朵生活馆", "--origin", "https://Shop.example:443")
    listed = type_("shop", "list").stdout
    assert "shop-a" in listed
    assert "云朵生活馆" in listed
    assert "https://shop.example" in listed
    assert "客服" in type_("group", "list", "shop-a").stdout
    assert "already" in type_("shop", "create", "shop-a", "--name", "x", fails=True).stderr


def test_origins_are_added_and_removed_exactly(type_: Type) -> None:
    type_("shop", "create", "shop-a", "--name", "A")
    assert "No page" in type_("shop", "origins", "shop-a").stdout
    shown = type_(
        "shop", "origins", "shop-a", "--add", "https://a.example", "--add", "http://localhost:8081"
    ).stdout
    assert "https://a.example" in shown
    assert "http://localhost:8081" in shown
    assert "a.example" not in type_("shop", "origins", "shop-a", "--remove", "https://a.example").stdout
    for wrong in ("*", "https://*.example", "a.example", "https://a.example/path"):
        assert "An origin" in type_("shop", "origins", "shop-a", "--add", wrong, fails=True).stderr
    assert (
        "not on the list"
        in type_("shop", "origins", "shop-a", "--remove", "https://b.example", fails=True).stderr
    )


def test_a_shop_is_changed_field_by_field(type_: Type, tmp_path: Path) -> None:
    type_("shop", "create", "shop-a", "--name", "A")
    type_("shop", "change", "shop-a", "--no-anonymous", "--locale", "en", "--accent", "#ff5500")

    async def look(database: Database) -> Any:
        async with database.read() as reader:
            return await reader.shops.get("shop-a")

    shop = ask(tmp_path, look)
    assert (shop.name, shop.anonymous, shop.locale, shop.accent) == ("A", False, "en", "#ff5500")
    assert "Say what" in type_("shop", "change", "shop-a", fails=True).stderr
    type_("shop", "change", "shop-a", "--recordings-days", "30", "--statutory-days", "1096")
    shop = ask(tmp_path, look)
    assert (shop.recordings_kept_days, shop.recordings_statutory_days) == (30, 1096)
    type_("shop", "change", "shop-a", "--statutory-days", "0")
    assert ask(tmp_path, look).recordings_statutory_days is None
    for wrong in ("--recordings-days=0", "--statutory-days=1095", "--recordings-days=3654"):
        assert "days" in type_("shop", "change", "shop-a", wrong, fails=True).stderr
    assert "#rrggbb" in type_("shop", "change", "shop-a", "--accent", "red", fails=True).stderr


def test_the_lines_to_embed_a_shop_are_printed_ready_to_paste(
    type_: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    type_("shop", "create", "shop-a", "--name", "A")
    told = type_("shop", "embed", "shop-a")
    assert '<script src="http://127.0.0.1:8080/widget/livedesk.js" data-shop="shop-a" async>' in told.stdout
    assert "updates by itself" in told.stdout
    assert "setIdentity" not in told.stdout
    for sentence in ("LIVEDESK_PUBLIC_URL", "No page may embed it yet", "Buyers are visitors"):
        assert sentence in told.stderr
    monkeypatch.setenv("LIVEDESK_PUBLIC_URL", "https://desk.example.com")
    type_("shop", "origins", "shop-a", "--add", "https://shop.example.com")
    type_("shop", "key", "add", "shop-a", "web", "--alg", "HS256")
    told = type_("shop", "embed", "shop-a")
    assert 'src="https://desk.example.com/widget/livedesk.js"' in told.stdout
    assert "setIdentity" in told.stdout
    assert told.stderr == ""
    assert len(told.stdout.splitlines()) <= 11
    assert type_("shop", "embed", "shop-z", fails=True).stderr.startswith("livedesk: There is no shop shop-z")


def test_pinned_lines_name_the_loaders_bytes_and_what_that_costs(
    type_: Type, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    type_("shop", "create", "shop-a", "--name", "A")
    build = read_widget(write_build(tmp_path)[0])
    monkeypatch.setattr("server.commands.shop.read_widget", lambda: build)
    loader = pinned_loader(build)
    told = type_("shop", "embed", "shop-a", "--pinned").stdout
    assert f'src="http://127.0.0.1:8080{loader.path}" integrity="{loader.integrity}"' in told
    assert 'crossorigin="anonymous" data-shop="shop-a" async' in told
    assert "nothing loads until these lines are renewed" in told

    def missing() -> None:
        raise BuildMissing("The front end is not built.")

    monkeypatch.setattr("server.commands.shop.read_widget", missing)
    assert "not built" in type_("shop", "embed", "shop-a", "--pinned", fails=True).stderr


def test_identity_keys_are_registered_used_and_revoked(type_: Type, tmp_path: Path) -> None:
    type_("shop", "create", "shop-a", "--name", "A")
    secret = type_("shop", "key", "add", "shop-a", "hs", "--alg", "HS256").stdout.strip()
    signer = jwk.OKPKey.generate_key("Ed25519")
    (tmp_path / "public.pem").write_bytes(signer.as_pem(private=False))
    (tmp_path / "private.pem").write_bytes(signer.as_pem(private=True))
    type_("shop", "key", "add", "shop-a", "ed", "--alg", "EdDSA", "--public", str(tmp_path / "public.pem"))

    async def begin(database: Database) -> list[bool | ErrorCode]:
        buyers = BuyerSessions(database, Rates(), frozenset())
        now = epoch_ms() // 1_000
        claims = {"iss": "shop-a", "sub": "b", "iat": now, "exp": now + 60, "jti": "x"}
        tokens = [
            jwt.encode({"alg": "HS256", "kid": "hs"}, claims, jwk.OctKey.import_key(secret)),
            jwt.encode({"alg": "Ed25519", "kid": "ed"}, claims, signer, ["Ed25519"]),
        ]
        found: list[bool | ErrorCode] = []
        for token in tokens:
            try:
                request = session.BuyerSessionRequest(shop="shop-a", identity=token)
                found.append((await buyers.begin(request, HERE)).reply.verified)
            except Refused as refused:
                found.append(refused.code)
        return found

    assert ask(tmp_path, begin) == [True, True]
    type_("shop", "key", "revoke", "shop-a", "hs")
    assert ask(tmp_path, begin) == [ErrorCode.identity_invalid, True]
    listed = type_("shop", "key", "list", "shop-a").stdout
    assert "HS256" in listed
    assert secret not in listed
    for words, why in (
        (("hs", "--alg", "HS256"), "already"),
        (("x", "--alg", "EdDSA"), "--public"),
        (("x", "--alg", "HS256", "--public", str(tmp_path / "public.pem")), "--public"),
        (("x", "--alg", "EdDSA", "--public", str(tmp_path / "private.pem")), "private"),
        (("x", "--alg", "ES256", "--public", str(tmp_path / "public.pem")), "public key"),
        (("has space", "--alg", "HS256"), "kid"),
    ):
        assert why in type_("shop", "key", "add", "shop-a", *words, fails=True).stderr
    assert "no key hs in force" in type_("shop", "key", "revoke", "shop-a", "hs", fails=True).stderr


def _person(type_: Type, *logins: str, **options: str) -> None:
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    type_("agent", "create", *logins, *words, given=PASSWORD + "\n")


def login(tmp_path: Path, name: str, password: str = PASSWORD) -> session.Me | ErrorCode:
    async def sign_in(database: Database) -> session.Me | ErrorCode:
        passwords = Passwords()
        try:
            request = session.Login(login=name, password=password)
            return (await SignIns(database, Rates(), passwords).login(request, HERE))[0]
        except Refused as refused:
            return refused.code
        finally:
            passwords.close()

    found: session.Me | ErrorCode = ask(tmp_path, sign_in)
    return found


def test_a_person_is_created_signs_in_and_is_disabled(type_: Type, tmp_path: Path) -> None:
    type_("shop", "create", "shop-a", "--name", "A")
    _person(type_, "1001", "Lin@Shop.example", name="木槿", shop="shop-a", role="supervisor")
    for name in ("1001", "lin@shop.example"):
        me = login(tmp_path, name)
        assert isinstance(me, session.Me)
        assert [(each.shop_id, each.role) for each in me.memberships] == [("shop-a", "supervisor")]
    type_("agent", "disable", "1001")
    assert login(tmp_path, "1001") is ErrorCode.login_failed
    assert "木槿" in type_("agent", "list", "--shop", "shop-a").stdout
    type_("agent", "enable", "lin@shop.example")
    type_("agent", "password", "1001", given="another password\n")
    assert login(tmp_path, "1001") is ErrorCode.login_failed
    assert isinstance(login(tmp_path, "1001", "another password"), session.Me)


def test_a_person_joins_changes_and_leaves_shops_groups_and_skills(type_: Type, tmp_path: Path) -> None:
    for shop_id in ("shop-a", "shop-b"):
        type_("shop", "create", shop_id, "--name", shop_id)
    type_("group", "create", "shop-a", "售后", "--accept", "offer", "--offer-seconds", "30", "--default")
    _person(type_, "1001", name="木槿", shop="shop-a")
    # Who is to serve does so at once, in the default group; who is to look does not.
    assert "木槿" in type_("group", "list", "shop-a").stdout
    type_("agent", "group", "1001", "shop-a", "售后", "--leave")
    type_("agent", "join", "1001", "shop-b", "--role", "admin")
    assert "木槿" not in type_("group", "list", "shop-b").stdout
    type_("agent", "role", "1001", "shop-b", "agent")
    type_("agent", "group", "1001", "shop-a", "售后")
    assert "英语" in type_("agent", "skill", "1001", "shop-a", "服饰=5", "英语=3").stdout
    shown = type_("agent", "skill", "1001", "shop-a", "英语=0", "服饰=4").stdout
    assert "英语" not in shown
    assert "4" in shown
    groups = type_("group", "list", "shop-a").stdout
    assert "offer" in groups
    assert "30 s" in groups
    assert "木槿" in groups
    for words in (
        ("agent", "group", "1001", "shop-a", "售后"),
        ("agent", "join", "1001", "shop-a"),
        ("agent", "group", "1001", "shop-a", "nothing"),
        ("agent", "group", "1001", "nowhere", "售后"),
        ("agent", "skill", "1001", "shop-a", "服饰=6"),
        ("agent", "skill", "1001", "shop-a", "服饰"),
        ("agent", "role", "nobody", "shop-a", "admin"),
        ("agent", "create", "1001", "--name", "x"),
        ("agent", "create", "1002", "--name", "x", "--shop", "nowhere"),
        ("group", "create", "shop-a", "售后"),
        ("group", "change", "shop-a", "售后"),
    ):
        assert type_(*words, given=PASSWORD + "\n", fails=True).stderr.startswith("livedesk: ")
    type_("group", "change", "shop-a", "客服", "--default", "--accept", "auto")
    type_("agent", "group", "1001", "shop-a", "售后", "--leave")
    type_("agent", "leave", "1001", "shop-a")
    _person(type_, "1002", name="白川")
    assert "in the group 客服" in type_("agent", "join", "1002", "shop-b").stdout
    me = login(tmp_path, "1001")
    assert isinstance(me, session.Me)
    assert [(each.shop_id, each.role) for each in me.memberships] == [("shop-b", "agent")]
    assert "木槿" not in type_("group", "list", "shop-a").stdout


def test_routing_rules_keep_the_order_they_are_given(type_: Type, tmp_path: Path) -> None:
    type_("shop", "create", "shop-a", "--name", "A")
    type_("group", "create", "shop-a", "服饰组")
    type_("shop", "rule", "add", "shop-a", "--group", "服饰组", "--category", "服饰", "--skill", "服饰=3")
    type_("shop", "rule", "add", "shop-a", "--group", "客服", "--language", "en", "--at", "1")

    async def look(database: Database) -> Any:
        async with database.read() as reader:
            return [(r.position, r.condition, r.requirements) for r in await reader.shops.rules("shop-a")]

    assert ask(tmp_path, look) == [
        (1, {"language": "en"}, {}),
        (2, {"product_category": "服饰"}, {"服饰": 3}),
    ]
    assert "服饰≥3" in type_("shop", "rule", "list", "shop-a").stdout
    type_("shop", "rule", "remove", "shop-a", "1")
    assert ask(tmp_path, look) == [(1, {"product_category": "服饰"}, {"服饰": 3})]
    assert "no rule 7" in type_("shop", "rule", "remove", "shop-a", "7", fails=True).stderr


def test_an_api_key_is_shown_once_and_works_until_it_is_revoked(type_: Type, tmp_path: Path) -> None:
    type_("shop", "create", "shop-a", "--name", "A")
    made = type_("key", "create", "shop-a", "order system", "--scope", "orders", "--scope", "catalogue")
    secret = made.stdout.strip()
    assert "shown once" in made.stderr

    async def admit(database: Database) -> str | ErrorCode:
        try:
            return (await ApiKeys(database, Rates()).admit(secret, "orders")).key_id
        except Refused as refused:
            return refused.code

    key_id = ask(tmp_path, admit)
    listed = type_("key", "list", "shop-a").stdout
    assert key_id in listed
    assert "orders, catalogue" in listed
    assert secret not in listed
    type_("key", "revoke", key_id)
    assert ask(tmp_path, admit) is ErrorCode.unauthenticated
    assert "in force" in type_("key", "revoke", key_id, fails=True).stderr
    assert "no scope" in type_("key", "create", "shop-a", "x", "--scope", "everything", fails=True).stderr


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (("shop", "create", "has space", "--name", "A"), "id has 1 to 64"),
        (("shop", "create", "a", "--name", " "), "name is one line"),
        (("shop", "origins", "nowhere"), "no shop nowhere"),
        (("group", "list", "nowhere"), "no shop nowhere"),
        (("key", "create", "nowhere", "n", "--scope", "orders"), "no shop nowhere"),
        (("agent", "disable", "nobody"), "Nobody signs in"),
        (("agent", "create", "1001", "--name", "x"), "10 to 200"),
    ],
)
def test_a_mistake_is_one_sentence(type_: Type, words: tuple[str, ...], why: str) -> None:
    result = type_(*words, given="short\n", fails=True)
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("livedesk: ")
    assert why in result.stderr
    assert result.exit_code == 1


def test_a_wrong_setting_stops_every_command(type_: Type, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEDESK_PORT", "eighty")
    for words in (("serve",), ("shop", "list"), ("doctor",)):
        result = type_(*words, fails=True)
        assert result.exit_code == 2
        assert result.stderr.startswith("livedesk: LIVEDESK_PORT is wrong: ")
        assert result.stderr.count("\n") == 1


def test_a_data_folder_that_cannot_be_is_one_sentence(
    type_: Type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("LIVEDESK_DATA", str(tmp_path / "file" / "data"))
    assert "cannot be used" in type_("shop", "list", fails=True).stderr
