"""Files: pictures go up over HTTP as bytes, and are shown at addresses that last minutes."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, StringConstraints

from protocol.base import Id, Millis, Url, Wire

MAX_PICTURE_BYTES = 12_582_912
"""One picture as it arrives (12 MiB): what phones make at full size. Protects memory and the decoder."""
LINKS_A_CALL = 50
"""Files that one call gives addresses to: all shots of four lists."""

Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Pixels = Annotated[int, Field(ge=1, le=65_535)]


class FileStored(Wire):
    """A picture is stored: made anew by the server, without what the camera wrote beside it.

    `sha256` and `size` are of the stored bytes. The same for a repeated client id.
    """

    file_id: Id
    width: Pixels
    height: Pixels
    size: int
    sha256: Sha256
    stored_at: Millis


class LinkFiles(Wire):
    """Asks for addresses at which files of conversations that one may read can be shown."""

    file_ids: list[Id] = Field(min_length=1, max_length=LINKS_A_CALL)


class FileLink(Wire):
    """Shows one file to this session alone."""

    file_id: Id
    url: Url


class FileLinks(Wire):
    """In the order they were asked for; good until `expires_at`, and no longer than the session."""

    links: list[FileLink]
    expires_at: Millis
