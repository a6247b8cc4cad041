"""Which promises of a live session (承诺) count at a moment, each in its latest wording."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aftersales.livestream import PromiseMade, Segment, Timeline


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseInForce:
    """A promise that counts, as it was last said of `times` equal times.

    `explain_id` names the explanation that was going on when it was said, of whatever product.
    """

    promise: PromiseMade
    offset_ms: int
    explain_id: str | None
    times: int


def in_force(
    timeline: Timeline, explanations: Sequence[Segment], product_id: str, *, since: int, until: int
) -> tuple[PromiseInForce, ...]:
    """The promises for a product, and those for the whole session, that held at some moment of `since` to
    `until`.

    Both moments count. A promise holds from when it was made until before its own end, and without one for
    good. Equal words for the same product are one promise. Sorted by when it was last said.
    """
    told: dict[tuple[str, str, str, str | None], list[PromiseMade]] = {}
    for event in timeline.events:
        if not isinstance(event, PromiseMade) or event.product_id not in (None, product_id):
            continue
        over = event.until is not None and event.until <= max(since, event.at)
        if event.at <= until and not over:
            told.setdefault((event.kind, event.text, event.value, event.product_id), []).append(event)
    counting = [
        PromiseInForce(
            promise=same[-1],
            offset_ms=timeline.offset(same[-1].at),
            explain_id=_explaining(same[-1], explanations),
            times=len(same),
        )
        for same in told.values()
    ]
    return tuple(
        sorted(counting, key=lambda one: (one.promise.at, one.promise.source, one.promise.source_event_id))
    )


def _explaining(promise: PromiseMade, explanations: Sequence[Segment]) -> str | None:
    """The explanation going on when a promise was made; of parallel ones that of its product, then the
    latest."""
    running = [one for one in explanations if one.from_at <= promise.at < one.to_at]
    best = max(
        running,
        key=lambda one: (one.product_id == promise.product_id, one.from_at, one.id),
        default=None,
    )
    return None if best is None else best.id
