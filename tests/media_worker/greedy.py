"""A media process that takes everybody and writes to the last byte of its disk."""

from pathlib import Path

from media import limits
from media.ice import Ports
from server.media import worker as media_worker


class Greedy(media_worker.RecordingWorker):
    """Keeps no floor of free space."""

    def __init__(self, ports: Ports, root: Path, boot_id: str) -> None:
        super().__init__(ports, root, boot_id, floor_bytes=0)


limits.MOST_LAG_S = limits.MOST_CPU = 3_600.0  # type: ignore[misc, unused-ignore]
media_worker.RecordingWorker = Greedy  # type: ignore[misc, assignment]
media_worker.main()
