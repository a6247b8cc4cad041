"""The pure rules of who may do what."""

from __future__ import annotations

import itertools

import pytest

from protocol.base import Role
from server.auth.permissions import STAFF, at_least, narrowed, origin_allowed


def test_each_role_of_the_staff_has_the_rights_of_those_before_it() -> None:
    for (i, role), (j, needed) in itertools.product(enumerate(STAFF), repeat=2):
        assert at_least(role, needed) is (i >= j)


def test_a_buyer_and_the_staff_have_no_rights_of_each_other() -> None:
    assert at_least("buyer", "buyer")
    for role in STAFF:
        assert not at_least("buyer", role)
        assert not at_least(role, "buyer")


def test_a_narrowed_session_sees_one_shop() -> None:
    shops: dict[str, Role] = {"shop-a": "admin", "shop-b": "agent"}
    assert narrowed(shops, None) == shops
    assert narrowed(shops, "shop-b") == {"shop-b": "agent"}
    assert narrowed(shops, "shop-c") == {}


ALLOWED = {"https://shop.example", "https://m.shop.example:8443"}


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "*",
        "https://evil.example",
        "http://shop.example",
        "https://shop.example:443",
        "https://shop.example:8443",
        "https://shop.example/",
        "https://shop.example.evil.example",
        "https://evilshop.example",
        "https://SHOP.example",
        "https://m.shop.example",
        "shop.example",
        " https://shop.example",
        "https://shop.example https://evil.example",
    ],
)
def test_an_origin_that_is_not_exactly_on_the_list_is_refused(origin: str) -> None:
    assert not origin_allowed(origin, ALLOWED)


def test_a_listed_origin_and_a_client_without_one_are_allowed() -> None:
    assert all(origin_allowed(origin, ALLOWED) for origin in (*ALLOWED, None))
