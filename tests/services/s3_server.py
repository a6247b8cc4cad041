"""A server that speaks S3 over HTTP, in a thread of the test process: moto's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from urllib.request import Request, urlopen

import obstore
from obstore.store import S3Store

KEYS = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "tests", "AWS_REGION": "us-east-1"}


class S3Server:
    """A running server. `settings` is what who uses it needs in its environment."""

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def settings(self) -> Mapping[str, str]:
        return KEYS | {"AWS_ENDPOINT": self._url, "AWS_ALLOW_HTTP": "true"}

    def make_bucket(self, name: str) -> None:
        """An empty bucket; one of that name loses what it had."""
        with urlopen(Request(f"{self._url}/moto-api/reset", method="POST"), timeout=10):  # noqa: S310
            pass
        with urlopen(Request(f"{self._url}/{name}", method="PUT"), timeout=10):  # noqa: S310
            pass

    def encryption_of(self, bucket: str, name: str) -> str | None:
        """What the server says that it encrypted a file with."""
        signed = obstore.sign(S3Store.from_url(f"s3://{bucket}"), "HEAD", name, timedelta(minutes=1))
        with urlopen(Request(signed, method="HEAD"), timeout=10) as answer:  # noqa: S310
            said: str | None = answer.headers.get("x-amz-server-side-encryption")
        return said


@contextmanager
def running() -> Iterator[S3Server]:
    """Serves until the block ends."""
    # Here, because it takes a second of everybody who loads it.
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield S3Server(f"http://{host}:{port}")
    finally:
        server.stop()
