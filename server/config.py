"""The settings: environment variables that begin with LIVEDESK_, checked before anything starts.

`load_settings` either returns settings that hold together or raises `ConfigurationRefused` with one sentence
that names the setting. It never repeats a value: an address may carry a password.
"""

from __future__ import annotations

import difflib
import ipaddress
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

PREFIX = "LIVEDESK_"
TEST_PREFIX = "LIVEDESK_TEST_"
"""Belongs to the project's test runner; a server that a test starts sees these, too."""

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class ConfigurationRefused(Exception):
    """The configuration is wrong. The text is one sentence for the person who starts the server."""


def _items(value: object) -> object:
    if not isinstance(value, str):
        return value
    return tuple(item.strip() for item in value.split(",") if item.strip())


def exact_origin(value: str) -> str:
    """`scheme://host[:port]` as browsers send it; raises ValueError for anything else, wildcards included.

    Default ports are left out and letters of the host are small, so that comparison can be exact.
    """
    if not value.isascii() or not value.isprintable() or " " in value:
        raise ValueError("must be plain ASCII; names with other letters are written in punycode")
    parts = urlsplit(value)
    host = parts.hostname or ""
    try:
        port = parts.port
    except ValueError:
        raise ValueError("has a port that is not a number") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("must be scheme://host[:port] with http or https")
    if parts.path or parts.query or parts.fragment or "@" in parts.netloc or value.endswith(("?", "#")):
        raise ValueError("must be an origin: scheme://host[:port] without a path")
    bracketed = ":" in host
    if bracketed:
        ipaddress.IPv6Address(host)
    elif not all(c.isalnum() or c in "-._" for c in host):
        raise ValueError("must name exactly one host")
    if port is not None and port == {"http": 80, "https": 443}[parts.scheme]:
        port = None
    return f"{parts.scheme}://{f'[{host}]' if bracketed else host}{'' if port is None else f':{port}'}"


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, without port) can only be this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _address(value: str) -> str:
    host, separator, port = value.rpartition(":")
    if not separator or not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise ValueError("must be host:port")
    return value


_TURN = re.compile(r"turns?:(\[[0-9a-fA-F:]+\]|[A-Za-z0-9._-]+)(:(?P<port>\d{1,5}))?(\?transport=(udp|tcp))?")
"""An address of a TURN server (RFC 7065)."""


def _turn(value: str) -> str:
    found = _TURN.fullmatch(value)
    if found is None or not 0 < int(found["port"] or 1) < 65_536:
        raise ValueError(
            "must be turn:host[:port] or turns:host[:port], with ?transport=udp or tcp if wanted"
        )
    return value


def _ip(value: str) -> str:
    try:
        return str(ipaddress.ip_address(value))
    except ValueError:
        raise ValueError("must be an IP address") from None


def _network(value: str) -> Network:
    try:
        return ipaddress.ip_network(value)
    except ValueError:
        raise ValueError("must be networks such as 10.0.0.0/8, all zero behind the prefix") from None


def _anywhere(host: str) -> bool:
    """Whether `host` is no IP address of one machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return True


def _ports(value: str) -> str:
    first, separator, last = value.partition("-")
    if not separator or not (first + last).isdecimal() or not first or not last:
        raise ValueError("must be first-last")
    if not 1_024 <= int(first) <= int(last) < 65_536:
        raise ValueError("must lie between 1024 and 65535, the first before the last")
    return value


def _database(value: str) -> str:
    scheme = value.partition(":")[0]
    if scheme not in ("sqlite", "sqlite+aiosqlite", "postgresql", "postgresql+asyncpg"):
        raise ValueError("must begin with postgresql:// or sqlite:///")
    return value


def bucket(value: str) -> str:
    """`value` where it names a bucket; raises ValueError with what is wrong."""
    parts = urlsplit(value)
    if parts.scheme != "s3" or not parts.netloc or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError("must be s3://bucket or s3://bucket/prefix; keys go into AWS_… variables")
    return value


def _redis(value: str) -> str:
    if urlsplit(value).scheme not in ("redis", "rediss"):
        raise ValueError("must begin with redis:// or rediss://")
    return value


def _no_empty(value: object) -> object:
    return None if value == "" else value


def _no_trailing_slash(value: object) -> object:
    return value.removesuffix("/") if isinstance(value, str) else value


Optional = BeforeValidator(_no_empty)
Origin = Annotated[str, AfterValidator(exact_origin)]
TurnUrl = Annotated[str, AfterValidator(_turn)]
ProxyNetwork = Annotated[Network, BeforeValidator(_network)]


class Settings(BaseSettings):
    """Everything that can be set. Empty strings mean "not set" where not set is possible."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, extra="forbid", frozen=True, hide_input_in_errors=True, validate_default=True
    )

    data: Path = Field(default=Path("livedesk-data"), description="The folder of the database and all files.")
    database_url: Annotated[str | None, AfterValidator(lambda v: v and _database(v)), Optional] = Field(
        default=None, description="postgresql://…; a SQLite file in the data folder where not set."
    )
    bind: str = Field(default="127.0.0.1", description="The address to listen on.", min_length=1)
    port: int = Field(default=8080, ge=1, le=65_535, description="The port to listen on.")
    admin_bind: Annotated[str | None, AfterValidator(lambda v: v and _address(v)), Optional] = Field(
        default="127.0.0.1:9090",
        description="Where /readyz and /metrics are served: host:port; empty serves them nowhere.",
    )
    public_url: Annotated[Origin | None, BeforeValidator(_no_trailing_slash), Optional] = Field(
        default=None,
        description="The origin by which browsers reach this server; needed when bind is not the loopback.",
    )
    console_origins: Annotated[tuple[Origin, ...], NoDecode, BeforeValidator(_items)] = Field(
        default=(), description="Further origins from which the console may be used, separated by commas."
    )
    files_url: Annotated[str | None, AfterValidator(lambda v: v and bucket(v)), Optional] = Field(
        default=None,
        description="s3://bucket/prefix for pictures and recordings; the data folder where not set.",
    )
    files_encryption: Literal["AES256", "aws:kms", "none"] = Field(
        default="AES256",
        description="What the bucket is asked to encrypt each file with; none where it cannot be asked.",
    )
    redis_url: Annotated[str | None, AfterValidator(lambda v: v and _redis(v)), Optional] = Field(
        default=None, description="redis://…; several nodes serve one shop with it, one process needs none."
    )
    media: bool = Field(default=True, description="Whether calls are carried; false refuses them by code.")
    media_bind: Annotated[str | None, Optional] = Field(
        default=None, description="The address of the UDP sockets of calls; that of bind where not set."
    )
    media_announce: Annotated[str | None, AfterValidator(lambda v: v and _ip(v)), Optional] = Field(
        default=None,
        description="The IP address by which browsers reach the UDP sockets, where it is another (1:1 NAT).",
    )
    media_ports: Annotated[str, AfterValidator(lambda v: _ports(v))] = Field(
        default="40000-43999",
        description="The UDP ports of calls, first-last; each participant takes one.",
    )
    media_workers: int = Field(
        default=1, ge=1, le=32, description="Media processes; one carries dozens of calls on one core."
    )
    turn_urls: Annotated[tuple[TurnUrl, ...], NoDecode, BeforeValidator(_items)] = Field(
        default=(),
        description="turn: and turns: addresses of a coturn for browsers behind closed networks, by commas.",
        max_length=8,
    )
    turn_secret: Annotated[str | None, Optional] = Field(
        default=None, description="The secret of coturn's use-auth-secret; needed with turn_urls.", repr=False
    )
    trusted_proxies: Annotated[tuple[ProxyNetwork, ...], NoDecode, BeforeValidator(_items)] = Field(
        default=(),
        description="Networks (CIDR, separated by commas) whose X-Forwarded-For and -Proto are believed.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @model_validator(mode="after")
    def _reachable(self) -> Self:
        if self.public_url is None and not is_loopback(self.bind):
            raise ValueError(
                f"{PREFIX}PUBLIC_URL must be set when {PREFIX}BIND is not the loopback: "
                "signing in and embedding compare origins with it"
            )
        return self

    @model_validator(mode="after")
    def _relayed(self) -> Self:
        if bool(self.turn_urls) != bool(self.turn_secret):
            raise ValueError(f"{PREFIX}TURN_URLS and {PREFIX}TURN_SECRET are set together or not at all")
        return self

    @property
    def media_address(self) -> str:
        """What the UDP sockets of calls are bound to, an IPv6 address without brackets."""
        address = (self.media_bind or self.bind).strip("[]")
        return "127.0.0.1" if address == "localhost" else address

    @property
    def media_port_range(self) -> range:
        """The UDP ports of calls."""
        first, _, last = self.media_ports.partition("-")
        return range(int(first), int(last) + 1)

    @property
    def no_calls(self) -> str | None:
        """Why this server carries no calls, in a few words; None where it does."""
        if not self.media:
            return f"{PREFIX}MEDIA is false"
        if self.media_announce is not None:
            return None
        bound = f"{PREFIX}{'BIND' if self.media_bind is None else 'MEDIA_BIND'}"
        if _anywhere(self.media_address):
            return (
                f"{PREFIX}MEDIA_ANNOUNCE must name the IP address by which browsers reach this machine, "
                f"because {bound} names none"
            )
        if is_loopback(self.media_address) and not is_loopback(urlsplit(self.origin).hostname or ""):
            return (
                f"{PREFIX}MEDIA_BIND must name an IP address of this machine that browsers reach, "
                f"because {bound} is the loopback"
            )
        return None

    @property
    def origin(self) -> str:
        """The origin of this server's own pages."""
        host = f"[{self.bind}]" if ":" in self.bind else self.bind
        return self.public_url or exact_origin(f"http://{host}:{self.port}")

    @property
    def own_origins(self) -> frozenset[str]:
        """Origins at which this server's own pages (console, first-party page) are opened."""
        return frozenset({self.origin, *self.console_origins})

    @property
    def database(self) -> str:
        """The database's address, as `Database.open` takes it."""
        return self.database_url or f"sqlite:///{self.data.absolute() / 'livedesk.db'}"

    @property
    def database_variable(self) -> str:
        """The setting that says where the database is."""
        return f"{PREFIX}{'DATA' if self.database_url is None else 'DATABASE_URL'}"


def load_settings(environ: Mapping[str, str] | None = None, **given: Any) -> Settings:
    """The settings of `environ` (this process's), overridden by what is `given` (a command's options).

    A `given` None counts as not given. Raises `ConfigurationRefused`.
    """
    environ = os.environ if environ is None else environ
    known = {PREFIX + name.upper(): name for name in Settings.model_fields}
    values: dict[str, Any] = {}
    for variable, value in environ.items():
        if not variable.upper().startswith(PREFIX) or variable.startswith(TEST_PREFIX):
            continue
        if variable not in known:
            close = difflib.get_close_matches(variable, known, n=1, cutoff=0.8)
            hint = f"; did you mean {close[0]}?" if close else "."
            raise ConfigurationRefused(f"{variable} is not a setting of livedesk{hint}")
        values[known[variable]] = value
    values |= {name: value for name, value in given.items() if value is not None}
    try:
        # All values come as arguments; the class's own reading of os.environ would hide the check above.
        return Settings(_env_prefix="\x00", **values)
    except ValidationError as error:
        raise ConfigurationRefused(_sentence(error)) from None


def _sentence(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    words = first["msg"].removeprefix("Value error, ")
    if not first["loc"]:
        return words + "."
    return f"{PREFIX}{str(first['loc'][0]).upper()} is wrong: {words[:1].lower()}{words[1:]}."
