"""The desk itself, with allowances that a load client does not use up; every check stays on.

`python -m benchmarks.peers.desk PORT DATA`.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from protocol.base import RateClass
from server.app import serve
from server.config import load_settings
from server.rates import API_ADDRESS, IMPERSONATE, SESSION_ADDRESS, Rate
from signaling.limits import Allowance, Limits

_MUCH = Allowance(1_000_000, 1_000_000)
_ALL: dict[RateClass, Allowance] = {"write": _MUCH, "read": _MUCH, "mark": _MUCH, "hint": _MUCH}


def main() -> None:
    """Serves until it is told to stop."""
    settings = load_settings(
        {}, port=int(sys.argv[1]), data=Path(sys.argv[2]), admin_bind="", log_level="error"
    )
    limits = Limits(
        frames=_MUCH,
        connects=_MUCH,
        buyer_socket=_ALL,
        buyer_person=_ALL,
        agent_socket=_ALL,
        agent_person=_ALL,
    )
    # All load comes from one address, with one key.
    rates = {rate.name: Rate(rate.name, 1_000_000, 1) for rate in (API_ADDRESS, SESSION_ADDRESS, IMPERSONATE)}
    asyncio.run(serve(settings, limits=limits, rates=rates))


if __name__ == "__main__":
    main()
