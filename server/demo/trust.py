"""One page over plain http where a phone fetches the demo's certificate authority, and how to trust it."""

from __future__ import annotations

from html import escape
from pathlib import Path

from aiohttp import web

from server.demo.authority import Authority
from server.demo.places import Places

PAGES = Path(__file__).parent / "pages"
DOWNLOAD = "/livedesk-demo.crt"


def trust_site(authority: Authority, places: Places) -> web.Application:
    """The page and the certificate; nothing here is secret."""
    page = (PAGES / "trust.html").read_text("utf-8")
    for name, value in (
        ("download", DOWNLOAD),
        ("room", places.room + "/"),
        ("selftest", places.desk + "/selftest"),
        ("console", places.desk + "/console/"),
        ("fingerprint", authority.fingerprint),
    ):
        page = page.replace("{{" + name + "}}", escape(value))

    async def show(_: web.Request) -> web.Response:
        return web.Response(text=page, content_type="text/html", headers={"Cache-Control": "no-store"})

    async def download(_: web.Request) -> web.Response:
        # By this type iOS offers a profile and Android the certificate's installer.
        return web.Response(
            body=authority.der,
            content_type="application/x-x509-ca-cert",
            headers={"Content-Disposition": 'attachment; filename="livedesk-demo.crt"'},
        )

    app = web.Application()
    app.add_routes([web.get("/", show), web.get(DOWNLOAD, download), web.static("/pages", PAGES)])
    return app
