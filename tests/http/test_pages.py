"""Pages carry their policies, files their caching, and only a shop's own origins may embed its widget."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path

import pytest
from yarl import URL

from protocol.errors import ErrorCode
from protocol.export import asyncapi, openapi
from server.http.files import Build, BuildMissing
from server.http.pages import pinned_loader, read_console, read_widget
from server.http.policies import content_policy, page_headers
from tests.auth.desk import World
from tests.http.site import Site, refused, serve, write_build


def policy_of(headers: object) -> dict[str, list[str]]:
    text = headers["Content-Security-Policy"]  # type: ignore[index]
    return {name: rest for name, *rest in (directive.split() for directive in text.split("; "))}


async def test_only_registered_origins_may_hold_a_shops_frame(site: Site) -> None:
    for shop_id in ("shop-a", "shop-b"):
        response = await site.client.get(f"/widget/frame?shop={shop_id}")
        assert response.content_type == "text/html"
        assert policy_of(response.headers)["frame-ancestors"] == [f"https://{shop_id}.example"]
        assert "X-Frame-Options" not in response.headers
    async with site.world.database.write() as unit:
        await unit.shops.change("shop-a", origins=[])
    response = await site.client.get("/widget/frame?shop=shop-a")
    assert policy_of(response.headers)["frame-ancestors"] == ["'none'"]
    assert response.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("path", ["/c/shop-a", "/c/shop-a?order=o-1", "/guest", "/selftest", "/console/"])
async def test_a_page_of_our_own_is_held_by_nobody(site: Site, path: str) -> None:
    response = await site.client.get(path)
    assert response.status == 200
    assert policy_of(response.headers)["frame-ancestors"] == ["'none'"]
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert response.headers["Referrer-Policy"] == "no-referrer"
    assert response.headers["Cache-Control"] == "no-store"
    assert "camera=(self)" in response.headers["Permissions-Policy"]
    assert "geolocation=()" in response.headers["Permissions-Policy"]


@pytest.mark.parametrize(
    "path",
    ["/widget/frame", "/widget/frame?shop=", "/widget/frame?shop=shop-z"],
)
async def test_a_shop_that_is_not_there_has_no_frame(site: Site, path: str) -> None:
    assert await refused(await site.client.get(path)) is ErrorCode.not_found


@pytest.mark.parametrize("path", ["/c/shop-z", "/c/%3Cscript%3E", "/c/%E0%A4"])
async def test_who_followed_a_link_to_no_shop_gets_a_page_that_says_so(site: Site, path: str) -> None:
    response = await site.client.get(URL(f"http://127.0.0.1:{site.port}{path}", encoded=True))
    assert (response.status, response.content_type) == (404, "text/html")
    assert await response.text() == "<!doctype html><title>widget</title>"
    assert response.headers["X-Frame-Options"] == "DENY"


def test_a_policy_lets_only_our_own_scripts_run() -> None:
    policy = policy_of({"Content-Security-Policy": content_policy("https://desk.example", (), secure=True)})
    assert policy["default-src"] == ["'none'"]
    assert policy["script-src"] == ["'self'"]
    assert policy["connect-src"] == ["'self'", "wss://desk.example"]
    assert policy["object-src"] == policy["base-uri"] == policy["form-action"] == ["'none'"]
    assert "http:" not in policy["img-src"]
    local = policy_of(page_headers("http://127.0.0.1:8080", ["https://b", "https://a"], secure=False))
    assert local["connect-src"] == ["'self'", "ws://127.0.0.1:8080"]
    assert local["frame-ancestors"] == ["https://a", "https://b"]


async def test_the_first_address_leads_to_the_console(site: Site) -> None:
    for path in ("/", "/console"):
        response = await site.client.get(path, allow_redirects=False)
        assert (response.status, response.headers["Location"]) == (302, "/console/")


@pytest.mark.parametrize(
    ("path", "media_type", "cache"),
    [
        ("/widget/livedesk.js", "text/javascript", "no-cache"),
        ("/widget/assets/app-B-ZgskOs.js", "text/javascript", "public, max-age=31536000, immutable"),
        ("/console/assets/index-Co2Dx1u_.js", "text/javascript", "public, max-age=31536000, immutable"),
        ("/console/assets/plain.css", "text/css", "no-cache"),
        ("/console/theme.js", "text/javascript", "no-cache"),
    ],
)
async def test_only_a_file_whose_name_changes_with_it_is_kept_for_ever(
    site: Site, path: str, media_type: str, cache: str
) -> None:
    response = await site.client.get(path)
    assert (response.status, response.content_type) == (200, media_type)
    assert response.headers["Cache-Control"] == cache
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    again = await site.client.get(path, headers={"If-None-Match": response.headers["ETag"]})
    assert (again.status, await again.read()) == (304, b"")


async def test_a_text_is_sent_zipped_to_who_can_read_it(site: Site) -> None:
    path = "/console/assets/index-Co2Dx1u_.js"
    zipped = await site.client.get(path, headers={"Accept-Encoding": "gzip"})
    plain = await site.client.get(path, headers={"Accept-Encoding": "identity"})
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert int(zipped.headers["Content-Length"]) < int(plain.headers["Content-Length"])
    assert await zipped.read() == await plain.read() == b"import(1)" * 100


async def test_any_page_may_load_the_loader_and_nothing_else(site: Site) -> None:
    headers = (await site.client.get("/widget/livedesk.js")).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    for path in ("/widget/assets/app-B-ZgskOs.js", "/widget/frame?shop=shop-a", "/console/theme.js"):
        assert "Access-Control-Allow-Origin" not in (await site.client.get(path)).headers


async def test_a_pinned_loader_is_kept_for_ever_and_told_by_its_bytes(site: Site, tmp_path: Path) -> None:
    loader = pinned_loader(read_widget(write_build(tmp_path)[0]))
    response = await site.client.get(loader.path)
    assert response.content_type == "text/javascript"
    assert response.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    # Without it a browser refuses to compare a stranger's bytes at all.
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    body = await response.read()
    assert body == await (await site.client.get("/widget/livedesk.js")).read()
    digest = hashlib.sha384(body).digest()
    assert loader.integrity == f"sha384-{base64.b64encode(digest).decode()}"
    other = loader.path.replace(loader.path[-5], "A" if loader.path[-5] != "A" else "B")
    assert await refused(await site.client.get(other)) is ErrorCode.not_found


@pytest.mark.parametrize(
    "path",
    [
        "/widget/../secret.txt",
        "/widget/%2e%2e/secret.txt",
        "/widget/..%2fsecret.txt",
        "/widget/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/widget//etc/passwd",
        "/widget/assets/",
        "/widget/assets",
        "/widget/frame.html",
        "/widget/guest.html",
        "/widget/selftest.html",
        "/console/index.html",
        "/console/assets/..%5c..%5csecret.txt",
        "/console/nothing",
        "/widget/livedesk.js/",
        "/widget/livedesk.js%00",
    ],
)
async def test_nothing_but_the_builds_own_files_is_served(site: Site, path: str) -> None:
    url = URL(f"http://127.0.0.1:{site.port}{path}", encoded=True)
    assert await refused(await site.client.get(url)) in (ErrorCode.not_found, ErrorCode.unknown_command)


async def test_the_catalogue_is_served_as_documents(site: Site) -> None:
    assert await (await site.client.get("/openapi.json")).json() == json.loads(json.dumps(openapi()))
    assert await (await site.client.get("/asyncapi.json")).json() == json.loads(json.dumps(asyncapi()))
    assert await (await site.client.get("/healthz")).json() == {"ok": True}
    assert (await site.client.get("/favicon.ico")).status == 204


async def test_a_front_end_that_is_not_built_is_said_in_one_sentence(desk: World, tmp_path: Path) -> None:
    with pytest.raises(BuildMissing, match="`widget` is not built"):
        read_widget(tmp_path)
    with pytest.raises(BuildMissing, match="`agent_console` is not built"):
        read_console(tmp_path)
    async with serve(desk, tmp_path / "built", built=False) as site:
        for path in ("/widget/livedesk.js", "/c/shop-a", "/console/"):
            response = await site.client.get(path)
            assert await refused(response) is ErrorCode.retry
            assert "is not built" in (await response.json())["error"]["message"]


def test_a_folder_that_is_no_build_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from server.http import files

    (tmp_path / "index.html").write_text("x")
    for number in range(3):
        (tmp_path / f"{number}.js").write_text("x")
    monkeypatch.setattr(files, "MAX_FILES", 4)
    Build.read("console", tmp_path, needs="index.html")
    monkeypatch.setattr(files, "MAX_FILES", 3)
    with pytest.raises(BuildMissing, match="more than 3 files"):
        Build.read("console", tmp_path, needs="index.html")
    monkeypatch.setattr(files, "MAX_FILES", 4)
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 0)
    with pytest.raises(BuildMissing, match="larger than 0 bytes"):
        Build.read("console", tmp_path, needs="index.html")
