"""A process that finishes a recording and kills itself at one of its steps.

Arguments: the recording's folder, the shelf's, and the number of the step. A step is each sync of a file,
each removal, each task of the child and each word with the shelf.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from recordings import child, finishing
from tests.recordings.shelves import FolderShelf

left = int(sys.argv[3])


def fatal(act: Callable[..., Any]) -> Callable[..., Any]:
    """`act`, before which the process may die."""

    def step(*arguments: Any, **named: Any) -> Any:
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return act(*arguments, **named)

    return step


if __name__ == "__main__":
    for owner, name in (
        (os, "fsync"),
        (Path, "unlink"),
        (child, "run"),
        (FolderShelf, "keep"),
        (FolderShelf, "measure"),
    ):
        setattr(owner, name, fatal(getattr(owner, name)))
    asyncio.run(finishing.finish(Path(sys.argv[1]), FolderShelf(Path(sys.argv[2])), "shop"))
