"""The tables. Times are epoch milliseconds (UTC, for display and deadlines); ids are made by the server.

Every row of a shop carries `shop_id`; every query on one names it. What must hold in any state stands
here as a constraint, not in code: one open conversation per buyer, shop and channel; one seq per place in
a log; one client id per sender and conversation; one active ticket and one active owner per conversation.
"""

from __future__ import annotations

from sqlalchemy import Column, String, Table, Text

from server.storage.schema.access import (
    agent_sessions,
    api_keys,
    audit,
    buyer_codes,
    buyer_sessions,
    buyers,
    identity_keys,
    logins,
    memberships,
    people,
    revisions,
    shops,
    socket_tokens,
)
from server.storage.schema.call import (
    call_bookings,
    call_consents,
    call_held,
    call_marks,
    call_participants,
    call_quality,
    calls,
    selftests,
)
from server.storage.schema.case import case_counters, case_entries, cases
from server.storage.schema.columns import metadata
from server.storage.schema.conversation import conversations, desk_log, public_log
from server.storage.schema.line import (
    assignments,
    group_members,
    groups,
    leases,
    offers,
    routing_rules,
    seat_leases,
    seats,
    skills,
    tickets,
)
from server.storage.schema.picture import files, shot_lists, uploads
from server.storage.schema.recording import UNFINISHED, recording_files, recordings
from server.storage.schema.sale import live_events, live_sessions, order_lines, orders, products, provenances

meta = Table(
    "meta", metadata, Column("key", String(64), primary_key=True), Column("value", Text, nullable=False)
)
"""`epoch` (opaque, made once a database), `secret` (seals what must be read again)."""

__all__ = [
    "UNFINISHED",
    "agent_sessions",
    "api_keys",
    "assignments",
    "audit",
    "buyer_codes",
    "buyer_sessions",
    "buyers",
    "call_bookings",
    "call_consents",
    "call_held",
    "call_marks",
    "call_participants",
    "call_quality",
    "calls",
    "case_counters",
    "case_entries",
    "cases",
    "conversations",
    "desk_log",
    "files",
    "group_members",
    "groups",
    "identity_keys",
    "leases",
    "live_events",
    "live_sessions",
    "logins",
    "memberships",
    "meta",
    "metadata",
    "offers",
    "order_lines",
    "orders",
    "people",
    "products",
    "provenances",
    "public_log",
    "recording_files",
    "recordings",
    "revisions",
    "routing_rules",
    "seat_leases",
    "seats",
    "selftests",
    "shops",
    "shot_lists",
    "skills",
    "socket_tokens",
    "tickets",
    "uploads",
]
