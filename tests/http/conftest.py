"""The site on SQLite: what differs between the databases is tested below it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.auth.desk import World, world
from tests.http.fuzzing import Running
from tests.http.site import Site, serve
from tests.services.databases import new_sqlite


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[World]:
    async with world(new_sqlite(tmp_path)) as made:
        yield made


@pytest.fixture
async def site(desk: World, tmp_path: Path) -> AsyncIterator[Site]:
    async with serve(desk, tmp_path / "built") as running:
        yield running


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    with Running(tmp_path_factory.mktemp("fuzz")) as made:
        yield made
