"""The process that decodes: started for one task, confined before it reads a byte, gone with its parent.

`run` is the parent's side. The child is `python -m recordings.child`; it gets its task as JSON on its
standard input and answers with one JSON object. What it answers is only believed where its form is right.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, Literal

from recordings.confinement import confine, die_with

log = logging.getLogger(__name__)

Task = Literal["assemble", "compose"]

ANSWER_BYTES_MAX = 1024 * 1024
"""Times of errors are the longest part of an answer, and they are bounded by the task."""

GRACE_S = 60
"""Wall clock on top of three times the processor's: the machine has other work."""


class ChildFailed(Exception):
    """The child died, took too long, or answered nonsense. The message holds no word of the child's own."""


async def run(task: Task, argument: Mapping[str, Any], cpu_seconds: int) -> dict[str, Any]:
    """Have a confined child do `task`. Raises `ChildFailed`; a cancelled call ends the child."""
    message = json.dumps(
        {"task": task, "parent": os.getpid(), "cpu_seconds": cpu_seconds, "argument": argument}
    ).encode()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "recordings.child",
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        async with asyncio.timeout(3 * cpu_seconds + GRACE_S):
            answer, _ = await process.communicate(message)
    except TimeoutError:
        raise ChildFailed(f"{task} took longer than it may") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode or len(answer) > ANSWER_BYTES_MAX:
        raise ChildFailed(f"{task} ended with {process.returncode}")
    try:
        read = json.loads(answer)
        confined, result = read["confined"], read["result"]
    except (ValueError, KeyError, TypeError):
        raise ChildFailed(f"{task} gave no answer") from None
    if not confined:
        log.warning("recording.child_not_confined", extra={"task": task})
    if not isinstance(result, dict):
        raise ChildFailed(f"{task} gave no answer")
    return result


def main() -> None:
    """The child's side."""
    message = json.loads(sys.stdin.buffer.read())
    die_with(message["parent"])
    confined = confine(message["cpu_seconds"])
    # Imported behind the confinement: it loads the decoders.
    from recordings import assembly, composition

    perform = assembly.perform if message["task"] == "assemble" else composition.perform
    result = perform(message["argument"])
    json.dump({"confined": confined, "result": result}, sys.stdout)


if __name__ == "__main__":
    main()
