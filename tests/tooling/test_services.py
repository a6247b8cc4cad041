"""The servers that tests borrow do what their names promise, and leave nothing behind."""

import asyncpg
import pytest
import redis

from tests.services.postgres_server import PostgresServer
from tests.services.redis_server import RedisServer


async def connect(url: str) -> asyncpg.Connection:
    return await asyncpg.connect(url.replace("postgresql+asyncpg", "postgresql"))


def test_a_killed_redis_comes_back_empty_at_the_same_address(
    redis_server: RedisServer, redis_url: str
) -> None:
    with redis.Redis.from_url(redis_url) as client:
        client.set("hint", "1")
    redis_server.kill()
    with redis.Redis.from_url(redis_url) as client, pytest.raises(redis.ConnectionError):
        client.ping()
    redis_server.start()
    with redis.Redis.from_url(redis_url) as client:
        assert client.get("hint") is None


def test_each_test_gets_an_empty_redis_that_runs(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


async def test_a_crashed_postgres_keeps_what_it_committed(
    postgres_server: PostgresServer, postgres_database: str
) -> None:
    connection = await connect(postgres_database)
    await connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    postgres_server.restart()
    connection.terminate()
    connection = await connect(postgres_database)
    assert await connection.fetchval("SELECT one FROM kept") == 1
    await connection.close()


async def test_postgres_is_durable_and_each_database_is_new(postgres_database: str) -> None:
    connection = await connect(postgres_database)
    assert await connection.fetchval("SHOW fsync") == "on"
    assert await connection.fetchval("SHOW synchronous_commit") == "on"
    assert await connection.fetchval("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'") == 0
    await connection.close()


def test_a_closed_server_leaves_neither_process_nor_port_and_closes_twice(
    redis_server: RedisServer,
) -> None:
    server = RedisServer(redis_server.program)
    server.start()
    server.close()
    server.close()
    assert not server.running
    assert not server.folder.exists()
