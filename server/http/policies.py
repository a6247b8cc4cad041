"""What browsers may do with our pages, as headers. Pure.

A policy is a list of exceptions from `default-src 'none'`. Origins come from `exact_origin`, so they hold no
space, semicolon or quote that could end a directive.
"""

from __future__ import annotations

from collections.abc import Iterable

_OFF = ("geolocation", "payment", "usb", "serial", "hid", "midi", "accelerometer", "gyroscope")
_OWN = ("camera", "microphone", "autoplay", "display-capture", "fullscreen", "clipboard-write")
PERMISSIONS = ", ".join([f"{feature}=(self)" for feature in _OWN] + [f"{feature}=()" for feature in _OFF])
"""Calls need camera, microphone, a link copied, in our own pages only; nothing else is needed by anybody."""


def content_policy(own_origin: str, ancestors: Iterable[str], *, secure: bool) -> str:
    """The policy of a front end's page. `ancestors`: origins of the pages that may embed it.

    Styles may be attributes (Vue and Element Plus place things with them) but no style sheet of a stranger;
    pictures of products come from merchants' own servers.
    """
    socket = own_origin.replace("http", "ws", 1)
    embedding = " ".join(sorted(ancestors)) or "'none'"
    pictures = "https:" if secure else "https: http:"
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "style-src-attr 'unsafe-inline'",
            f"img-src 'self' data: blob: {pictures}",
            "media-src 'self' blob:",
            "font-src 'self'",
            # Older Safari does not count ws: of the same host as 'self'.
            f"connect-src 'self' {socket}",
            "base-uri 'none'",
            "form-action 'none'",
            "object-src 'none'",
            f"frame-ancestors {embedding}",
        )
    )


def page_headers(own_origin: str, ancestors: Iterable[str] = (), *, secure: bool) -> dict[str, str]:
    """All headers of a front end's page."""
    embedded = tuple(ancestors)
    headers = {
        "Content-Security-Policy": content_policy(own_origin, embedded, secure=secure),
        "Permissions-Policy": PERMISSIONS,
        "Cache-Control": "no-store",
    }
    if not embedded:
        headers |= {"X-Frame-Options": "DENY", "Cross-Origin-Opener-Policy": "same-origin"}
    return headers
