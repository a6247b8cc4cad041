"""A disk that fills up, as the recordings' own tests have it."""

from tests.recordings.conftest import small_disk

__all__ = ["small_disk"]
