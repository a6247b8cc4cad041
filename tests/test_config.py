"""Settings hold together, or the start is refused with one sentence that names the setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from server.config import ConfigurationRefused, exact_origin, is_loopback, load_settings


def test_without_any_variable_a_process_serves_itself_on_the_loopback() -> None:
    settings = load_settings({})
    assert (settings.bind, settings.port, settings.admin_bind) == ("127.0.0.1", 8080, "127.0.0.1:9090")
    assert settings.origin == "http://127.0.0.1:8080"
    assert settings.database == f"sqlite:///{Path.cwd() / 'livedesk-data' / 'livedesk.db'}"
    assert settings.redis_url is None


def test_every_setting_is_read_from_its_variable_and_an_option_wins() -> None:
    settings = load_settings(
        {
            "PATH": "/bin",
            "LIVEDESK_TEST_ROUNDS": "full",
            "LIVEDESK_DATA": "/srv/desk",
            "LIVEDESK_DATABASE_URL": "postgresql://u:p@db/desk",
            "LIVEDESK_BIND": "192.0.2.10",
            "LIVEDESK_PORT": "80",
            "LIVEDESK_ADMIN_BIND": "",
            "LIVEDESK_PUBLIC_URL": "https://Desk.example:443/",
            "LIVEDESK_CONSOLE_ORIGINS": "https://console.example, https://desk.example:8443",
            "LIVEDESK_REDIS_URL": "rediss://cache",
            "LIVEDESK_TRUSTED_PROXIES": "10.0.0.0/8,fd00::/8, 192.0.2.1",
            "LIVEDESK_LOG_LEVEL": "debug",
        },
        port=8181,
        data=None,
    )
    assert settings.database == "postgresql://u:p@db/desk"
    assert settings.port == 8181
    assert settings.data == Path("/srv/desk")
    assert settings.admin_bind is None
    assert settings.own_origins == {
        "https://desk.example",
        "https://console.example",
        "https://desk.example:8443",
    }
    assert [str(network) for network in settings.trusted_proxies] == [
        "10.0.0.0/8",
        "fd00::/8",
        "192.0.2.1/32",
    ]


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LIVEDESK_PORT", "eighty"),
        ("LIVEDESK_PORT", "0"),
        ("LIVEDESK_PORT", "65536"),
        ("LIVEDESK_BIND", ""),
        ("LIVEDESK_ADMIN_BIND", "9090"),
        ("LIVEDESK_ADMIN_BIND", "localhost:"),
        ("LIVEDESK_ADMIN_BIND", "localhost:65536"),
        ("LIVEDESK_DATABASE_URL", "mysql://user:secret@db/desk"),
        ("LIVEDESK_REDIS_URL", "http://user:secret@cache"),
        ("LIVEDESK_PUBLIC_URL", "desk.example"),
        ("LIVEDESK_PUBLIC_URL", "https://desk.example/path"),
        ("LIVEDESK_PUBLIC_URL", "https://user:secret@desk.example"),
        ("LIVEDESK_CONSOLE_ORIGINS", "https://*.example"),
        ("LIVEDESK_CONSOLE_ORIGINS", "null"),
        ("LIVEDESK_TRUSTED_PROXIES", "everyone"),
        ("LIVEDESK_TRUSTED_PROXIES", "10.0.0.1/8"),
        ("LIVEDESK_LOG_LEVEL", "loud"),
        ("LIVEDESK_MEDIA", "perhaps"),
        ("LIVEDESK_MEDIA_ANNOUNCE", "desk.example"),
        ("LIVEDESK_MEDIA_PORTS", "40000"),
        ("LIVEDESK_MEDIA_PORTS", "43999-40000"),
        ("LIVEDESK_MEDIA_PORTS", "80-90"),
        ("LIVEDESK_MEDIA_PORTS", "40000-65536"),
        ("LIVEDESK_MEDIA_WORKERS", "0"),
        ("LIVEDESK_MEDIA_WORKERS", "33"),
        ("LIVEDESK_TURN_URLS", "https://user:secret@turn.example"),
        ("LIVEDESK_TURN_URLS", ",".join(["turn:turn.example"] * 9)),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence_that_names_the_setting(variable: str, value: str) -> None:
    with pytest.raises(ConfigurationRefused) as caught:
        load_settings({variable: value})
    sentence = str(caught.value)
    assert sentence.startswith(f"{variable} is wrong: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "secret" not in sentence
    # It never repeats what was given, and says what would be right in words of ours.
    assert f"'{value}'" not in sentence


@pytest.mark.parametrize(
    ("variable", "value", "must"),
    [
        ("LIVEDESK_TRUSTED_PROXIES", "10.0.0.0/8, fd00::1/8", "be networks such as 10.0.0.0/8"),
        ("LIVEDESK_MEDIA_ANNOUNCE", "desk.example", "be an IP address"),
        ("LIVEDESK_TURN_URLS", "turn:turn.example?transport=sctp", "be turn:host"),
        ("LIVEDESK_TURN_URLS", "turn:turn.example:65536", "be turn:host"),
        ("LIVEDESK_TURN_URLS", "turn:turn.example:0", "be turn:host"),
    ],
)
def test_a_refusal_says_what_would_be_right(variable: str, value: str, must: str) -> None:
    with pytest.raises(ConfigurationRefused, match=f"^{variable} is wrong: must {must}"):
        load_settings({variable: value})


def test_an_unknown_variable_is_refused_with_the_likely_name() -> None:
    with pytest.raises(ConfigurationRefused, match=r"LIVEDESK_PROT is not .* mean LIVEDESK_PORT\?"):
        load_settings({"LIVEDESK_PROT": "1"})
    with pytest.raises(
        ConfigurationRefused, match=r"^LIVEDESK_ANYTHING_ELSE is not a setting of livedesk\.$"
    ):
        load_settings({"LIVEDESK_ANYTHING_ELSE": "1"})


def test_a_server_for_others_must_know_its_own_address() -> None:
    with pytest.raises(ConfigurationRefused, match="LIVEDESK_PUBLIC_URL must be set when LIVEDESK_BIND"):
        load_settings({"LIVEDESK_BIND": "192.0.2.10"})


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://Shop.Example", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://localhost:8081", "http://localhost:8081"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://xn--fiq228c.example", "https://xn--fiq228c.example"),
    ],
)
def test_an_origin_is_kept_as_browsers_send_it(given: str, origin: str) -> None:
    assert exact_origin(given) == origin


@pytest.mark.parametrize(
    "given",
    [
        "",
        "null",
        "*",
        "https://*",
        "https://*.example",
        "https://",
        "//shop.example",
        "ftp://shop.example",
        "https://shop.example/",
        "https://shop.example?",
        "https://shop.example?x",
        "https://shop.example#",
        "https://shop.example:port",
        "https://shop.example:99999",
        "https://a@shop.example",
        "https://shop.example;script-src *",
        "https://shop.example https://evil.example",
        "https://shop.example\nx",
        "https://商店.example",
        "https://[zz]",
    ],
)
def test_what_is_not_exactly_one_origin_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        exact_origin(given)


def test_calls_are_carried_where_browsers_can_find_them() -> None:
    public = {"LIVEDESK_BIND": "::", "LIVEDESK_PUBLIC_URL": "https://desk.example"}
    assert load_settings({}).no_calls is None
    assert load_settings({"LIVEDESK_BIND": "localhost"}).media_address == "127.0.0.1"
    assert load_settings({"LIVEDESK_MEDIA_BIND": "[2001:db8::1]"}).media_address == "2001:db8::1"
    assert "LIVEDESK_MEDIA_ANNOUNCE" in (load_settings(public).no_calls or "")
    # Logs hide addresses, so the sentence names the setting instead.
    assert (load_settings(public).no_calls or "").endswith("because LIVEDESK_BIND names none")
    assert load_settings({**public, "LIVEDESK_MEDIA_ANNOUNCE": "192.0.2.7"}).no_calls is None
    assert load_settings({**public, "LIVEDESK_MEDIA_BIND": "192.0.2.7"}).no_calls is None
    proxied = {"LIVEDESK_PUBLIC_URL": "https://desk.example"}
    assert "LIVEDESK_BIND is the loopback" in (load_settings(proxied).no_calls or "")
    assert load_settings({**proxied, "LIVEDESK_MEDIA_BIND": "192.0.2.7"}).no_calls is None
    assert load_settings({**proxied, "LIVEDESK_MEDIA_ANNOUNCE": "192.0.2.7"}).no_calls is None
    assert load_settings({"LIVEDESK_PUBLIC_URL": "https://localhost"}).no_calls is None
    assert load_settings({"LIVEDESK_REDIS_URL": "redis://cache"}).no_calls is None
    assert "MEDIA is false" in (load_settings({"LIVEDESK_MEDIA": "false"}).no_calls or "")


def test_a_relay_needs_its_secret_and_never_shows_it() -> None:
    urls = {"LIVEDESK_TURN_URLS": "turn:turn.example:65535, turns:turn.example:443?transport=tcp"}
    with pytest.raises(ConfigurationRefused, match="TURN_URLS and LIVEDESK_TURN_SECRET are set together"):
        load_settings(urls)
    settings = load_settings({**urls, "LIVEDESK_TURN_SECRET": "hunter2"})
    assert len(settings.turn_urls) == 2
    assert "hunter2" not in repr(settings)


def test_only_this_machine_is_the_loopback() -> None:
    assert all(is_loopback(host) for host in ("localhost", "127.0.0.1", "127.8.8.8", "::1", "[::1]"))
    assert not any(is_loopback(host) for host in ("192.0.2.10", "localhost.example", "10.0.0.1", "::", ""))
