"""Names of rooms: made by the server alone, joined only by the server."""

from __future__ import annotations


def buyer(buyer_id: str) -> str:
    """All sockets of one buyer."""
    return f"buyer:{buyer_id}"


def agent(person_id: str) -> str:
    """All sockets of one agent, over all his shops."""
    return f"agent:{person_id}"


def guest(participant_id: str) -> str:
    """All sockets of one guest of one call."""
    return f"guest:{participant_id}"


def shop(shop_id: str) -> str:
    """All agents' sockets of one shop."""
    return f"shop:{shop_id}"


def look(conversation_id: str) -> str:
    """Agents' sockets that look at a conversation or watch its row without owning it."""
    return f"look:{conversation_id}"
