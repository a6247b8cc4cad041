"""The first schema: shops, people, sessions, conversations and logs, the line, catalogue, live timeline."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "spine"
down_revision = None
branch_labels = None
depends_on = None

# The types as they were at this step; the schema of today may have moved on.
ID = sa.String(64)
DOCUMENT = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "leases",
        sa.Column("name", ID, nullable=False),
        sa.Column("holder", ID, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )
    op.create_table(
        "meta",
        sa.Column("key", ID, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_meta"),
    )
    op.create_table(
        "people",
        sa.Column("id", ID, nullable=False),
        sa.Column("display_name", sa.String(200), nullable=False),
        sa.Column("password_hash", sa.Text, nullable=False),
        sa.Column("disabled_at", sa.BigInteger),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_people"),
    )
    op.create_table(
        "revisions",
        sa.Column("number", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("subject_id", ID, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_revisions"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "shops",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("locale", sa.String(8), server_default="zh-CN", nullable=False),
        sa.Column("accent", sa.String(7)),
        sa.Column("anonymous", sa.Boolean, nullable=False),
        sa.Column("origins", DOCUMENT, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_shops"),
    )
    op.create_table(
        "agent_sessions",
        sa.Column("id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("secret_hash", ID, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("seen_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("address", ID, nullable=False),
        sa.Column("browser", sa.String(300), nullable=False),
        sa.Column("only_shop_id", ID),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_agent_sessions_person_id_people"),
        sa.PrimaryKeyConstraint("id", name="pk_agent_sessions"),
        sa.UniqueConstraint("secret_hash", name="uq_agent_sessions_secret_hash"),
    )
    op.create_index("ix_agent_sessions_person_id", "agent_sessions", ["person_id"])
    op.create_table(
        "api_keys",
        sa.Column("id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("secret_hash", ID, nullable=False),
        sa.Column("scopes", DOCUMENT, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_api_keys_shop_id_shops"),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("secret_hash", name="uq_api_keys_secret_hash"),
    )
    op.create_table(
        "buyer_codes",
        sa.Column("secret_hash", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("claims", DOCUMENT, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_buyer_codes_shop_id_shops"),
        sa.PrimaryKeyConstraint("secret_hash", name="pk_buyer_codes"),
    )
    op.create_table(
        "buyers",
        sa.Column("id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("subject", ID),
        sa.Column("visitor_hash", ID),
        sa.Column("name", sa.String(200)),
        sa.Column("tier", ID),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_buyers_shop_id_shops"),
        sa.PrimaryKeyConstraint("id", name="pk_buyers"),
        sa.UniqueConstraint("shop_id", "subject", name="uq_buyers_shop_id_subject"),
        sa.UniqueConstraint("visitor_hash", name="uq_buyers_visitor_hash"),
    )
    op.create_table(
        "groups",
        sa.Column("id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("accept", sa.String(8), server_default="auto", nullable=False),
        sa.Column("offer_seconds", sa.Integer, server_default="20", nullable=False),
        sa.Column("is_default", sa.Boolean, nullable=False),
        sa.Column("line_version", sa.BigInteger, server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_groups_shop_id_shops"),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("shop_id", "name", name="uq_groups_shop_id_name"),
    )
    op.create_table(
        "identity_keys",
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("kid", ID, nullable=False),
        sa.Column("alg", sa.String(8), nullable=False),
        sa.Column("material", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("revoked_at", sa.BigInteger),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_identity_keys_shop_id_shops"),
        sa.PrimaryKeyConstraint("shop_id", "kid", name="pk_identity_keys"),
    )
    op.create_table(
        "live_events",
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("live_session_id", ID, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("source_event_id", ID, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("product_id", ID),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.Column("received_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_live_events_shop_id_shops"),
        sa.PrimaryKeyConstraint("shop_id", "live_session_id", "seq", name="pk_live_events"),
        sa.UniqueConstraint(
            "shop_id",
            "live_session_id",
            "source_event_id",
            name="uq_live_events_shop_id_live_session_id_source_event_id",
        ),
    )
    op.create_index(
        "ix_live_events_shop_id_product_id_kind_at", "live_events", ["shop_id", "product_id", "kind", "at"]
    )
    op.create_table(
        "live_sessions",
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("room", sa.String(200), nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("started_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("delay_ms", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_live_sessions_shop_id_shops"),
        sa.PrimaryKeyConstraint("shop_id", "id", name="pk_live_sessions"),
    )
    op.create_table(
        "logins",
        sa.Column("login", sa.String(200), nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_logins_person_id_people"),
        sa.PrimaryKeyConstraint("login", name="pk_logins"),
    )
    op.create_table(
        "memberships",
        sa.Column("person_id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_memberships_person_id_people"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_memberships_shop_id_shops"),
        sa.PrimaryKeyConstraint("person_id", "shop_id", name="pk_memberships"),
    )
    op.create_index("ix_memberships_shop_id", "memberships", ["shop_id"])
    op.create_table(
        "order_lines",
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("line_id", ID, nullable=False),
        sa.Column("place", sa.Integer, nullable=False),
        sa.Column("product_id", ID, nullable=False),
        sa.Column("sku", sa.String(200)),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("quantity", sa.Integer, nullable=False),
        sa.Column("price", sa.BigInteger, nullable=False),
        sa.Column("live_session_id", ID),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_order_lines_shop_id_shops"),
        sa.PrimaryKeyConstraint("shop_id", "order_id", "line_id", name="pk_order_lines"),
    )
    op.create_index("ix_order_lines_shop_id_product_id", "order_lines", ["shop_id", "product_id"])
    op.create_table(
        "orders",
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("buyer_subject", ID, nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("placed_at", sa.BigInteger, nullable=False),
        sa.Column("paid_at", sa.BigInteger),
        sa.Column("total", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("receiver_name", sa.String(200)),
        sa.Column("receiver_phone", sa.String(200)),
        sa.Column("receiver_address", sa.String(200)),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_orders_shop_id_shops"),
        sa.PrimaryKeyConstraint("shop_id", "id", name="pk_orders"),
    )
    op.create_index(
        "ix_orders_shop_id_buyer_subject_placed_at", "orders", ["shop_id", "buyer_subject", "placed_at"]
    )
    op.create_index("ix_orders_shop_id_placed_at", "orders", ["shop_id", "placed_at"])
    op.create_table(
        "products",
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("price", sa.BigInteger),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("category", sa.String(200)),
        sa.Column("picture", sa.Text),
        sa.Column("updated_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_products_shop_id_shops"),
        sa.PrimaryKeyConstraint("shop_id", "id", name="pk_products"),
    )
    op.create_table(
        "provenances",
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("order_id", ID, nullable=False),
        sa.Column("line_id", ID, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("verdict", DOCUMENT, nullable=False),
        sa.Column("bound_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_provenances_shop_id_shops"),
        sa.PrimaryKeyConstraint("shop_id", "order_id", "line_id", "version", name="pk_provenances"),
    )
    op.create_table(
        "seat_leases",
        sa.Column("person_id", ID, nullable=False),
        sa.Column("node_id", ID, nullable=False),
        sa.Column("until", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_seat_leases_person_id_people"),
        sa.PrimaryKeyConstraint("person_id", "node_id", name="pk_seat_leases"),
    )
    op.create_table(
        "seats",
        sa.Column("person_id", ID, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("idle_since", sa.BigInteger, nullable=False),
        sa.Column("lease_until", sa.BigInteger, nullable=False),
        sa.Column("misses", sa.Integer, server_default="0", nullable=False),
        sa.Column("units_capacity", sa.Integer, server_default="100", nullable=False),
        sa.Column("units_used", sa.Integer, server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_seats_person_id_people"),
        sa.PrimaryKeyConstraint("person_id", name="pk_seats"),
    )
    op.create_table(
        "skills",
        sa.Column("person_id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("skill", ID, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_skills_person_id_people"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_skills_shop_id_shops"),
        sa.PrimaryKeyConstraint("person_id", "shop_id", "skill", name="pk_skills"),
    )
    op.create_table(
        "buyer_sessions",
        sa.Column("id", ID, nullable=False),
        sa.Column("buyer_id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("secret_hash", ID, nullable=False),
        sa.Column("previous_hash", ID),
        sa.Column("locale", sa.String(8), nullable=False),
        sa.Column("orders", DOCUMENT),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.ForeignKeyConstraint(["buyer_id"], ["buyers.id"], name="fk_buyer_sessions_buyer_id_buyers"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_buyer_sessions_shop_id_shops"),
        sa.PrimaryKeyConstraint("id", name="pk_buyer_sessions"),
        sa.UniqueConstraint("previous_hash", name="uq_buyer_sessions_previous_hash"),
        sa.UniqueConstraint("secret_hash", name="uq_buyer_sessions_secret_hash"),
    )
    op.create_index("ix_buyer_sessions_buyer_id", "buyer_sessions", ["buyer_id"])
    op.create_table(
        "conversations",
        sa.Column("id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("buyer_id", ID, nullable=False),
        sa.Column("channel", sa.String(16), server_default="chat", nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("locale", sa.String(8), nullable=False),
        sa.Column("last_seq", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("desk_last_seq", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("owner_id", ID),
        sa.Column("fence", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("buyer_delivered", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("buyer_read", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("agent_delivered", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("agent_read", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("owed_since", sa.BigInteger),
        sa.Column("preview", sa.String(200), server_default="", nullable=False),
        sa.Column("opened_at", sa.BigInteger, nullable=False),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("live_session_id", ID),
        sa.Column("position_ms", sa.BigInteger),
        sa.Column("product_id", ID),
        sa.Column("order_id", ID),
        sa.Column("topic", sa.String(200)),
        sa.ForeignKeyConstraint(["buyer_id"], ["buyers.id"], name="fk_conversations_buyer_id_buyers"),
        sa.ForeignKeyConstraint(["owner_id"], ["people.id"], name="fk_conversations_owner_id_people"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_conversations_shop_id_shops"),
        sa.PrimaryKeyConstraint("id", name="pk_conversations"),
    )
    op.create_index("ix_conversations_buyer_id_opened_at", "conversations", ["buyer_id", "opened_at"])
    op.create_index(
        "ix_conversations_owner",
        "conversations",
        ["owner_id"],
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_conversations_shop_id_opened_at", "conversations", ["shop_id", "opened_at"])
    op.create_index(
        "uq_conversations_open",
        "conversations",
        ["shop_id", "buyer_id", "channel"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_group_members_group_id_groups"),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_group_members_person_id_people"),
        sa.PrimaryKeyConstraint("group_id", "person_id", name="pk_group_members"),
    )
    op.create_index("ix_group_members_person_id", "group_members", ["person_id"])
    op.create_table(
        "routing_rules",
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("position", sa.Integer, nullable=False),
        sa.Column("condition", DOCUMENT, nullable=False),
        sa.Column("group_id", ID, nullable=False),
        sa.Column("requirements", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_routing_rules_group_id_groups"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_routing_rules_shop_id_shops"),
        sa.PrimaryKeyConstraint("shop_id", "position", name="pk_routing_rules"),
    )
    op.create_table(
        "socket_tokens",
        sa.Column("secret_hash", ID, nullable=False),
        sa.Column("session_id", ID, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["session_id"], ["agent_sessions.id"], name="fk_socket_tokens_session_id_agent_sessions"
        ),
        sa.PrimaryKeyConstraint("secret_hash", name="pk_socket_tokens"),
    )
    op.create_table(
        "desk_log",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("client_id", sa.String(36)),
        sa.Column("sender_kind", sa.String(8), nullable=False),
        sa.Column("sender_id", ID),
        sa.Column("sender_name", sa.String(200)),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_desk_log_conversation_id_conversations"
        ),
        sa.PrimaryKeyConstraint("conversation_id", "seq", name="pk_desk_log"),
        sa.UniqueConstraint(
            "client_id",
            "sender_id",
            "conversation_id",
            name="uq_desk_log_client_id_sender_id_conversation_id",
        ),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "public_log",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("message_id", ID, nullable=False),
        sa.Column("client_id", sa.String(36)),
        sa.Column("sender_kind", sa.String(8), nullable=False),
        sa.Column("sender_id", ID),
        sa.Column("sender_name", sa.String(200)),
        sa.Column("sent_at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("recalled_seq", sa.BigInteger),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_public_log_conversation_id_conversations"
        ),
        sa.PrimaryKeyConstraint("conversation_id", "seq", name="pk_public_log"),
        sa.UniqueConstraint(
            "client_id",
            "sender_id",
            "conversation_id",
            name="uq_public_log_client_id_sender_id_conversation_id",
        ),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "uq_public_log_recalled",
        "public_log",
        ["conversation_id", "recalled_seq"],
        unique=True,
        sqlite_where=sa.text("recalled_seq is not null"),
        postgresql_where=sa.text("recalled_seq is not null"),
    )
    op.create_table(
        "tickets",
        sa.Column("id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("shop_id", ID, nullable=False),
        sa.Column("group_id", ID, nullable=False),
        sa.Column("requirements", DOCUMENT, nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("joined_at", sa.BigInteger, nullable=False),
        sa.Column("head_start_s", sa.Integer, nullable=False),
        sa.Column("priority", sa.BigInteger, nullable=False),
        sa.Column("units", sa.Integer, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("refused_by", DOCUMENT, nullable=False),
        sa.Column("preferred_id", ID),
        sa.Column("preferred_until", sa.BigInteger, server_default="0", nullable=False),
        sa.Column("transfers", sa.Integer, server_default="0", nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_tickets_conversation_id_conversations"
        ),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_tickets_group_id_groups"),
        sa.ForeignKeyConstraint(["preferred_id"], ["people.id"], name="fk_tickets_preferred_id_people"),
        sa.ForeignKeyConstraint(["shop_id"], ["shops.id"], name="fk_tickets_shop_id_shops"),
        sa.PrimaryKeyConstraint("id", name="pk_tickets"),
    )
    op.create_index("ix_tickets_conversation_id_fence", "tickets", ["conversation_id", "fence"])
    op.create_index(
        "ix_tickets_line",
        "tickets",
        ["group_id", "state", "priority", "joined_at", "id"],
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_index(
        "ix_tickets_waiting",
        "tickets",
        ["shop_id"],
        sqlite_where=sa.text("state in ('waiting', 'offered')"),
        postgresql_where=sa.text("state in ('waiting', 'offered')"),
    )
    op.create_index(
        "uq_tickets_live",
        "tickets",
        ["conversation_id"],
        unique=True,
        sqlite_where=sa.text("state <> 'done'"),
        postgresql_where=sa.text("state <> 'done'"),
    )
    op.create_table(
        "assignments",
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("until", sa.BigInteger),
        sa.Column("reason", sa.String(16), nullable=False),
        sa.Column("ended_by", sa.String(16)),
        sa.Column("why", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_assignments_conversation_id_conversations"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_assignments_person_id_people"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_assignments_ticket_id_tickets"),
        sa.PrimaryKeyConstraint("conversation_id", "fence", name="pk_assignments"),
    )
    op.create_index(
        "ix_assignments_owned",
        "assignments",
        ["person_id"],
        sqlite_where=sa.text("until is null"),
        postgresql_where=sa.text("until is null"),
    )
    op.create_index(
        "uq_assignments_active",
        "assignments",
        ["conversation_id"],
        unique=True,
        sqlite_where=sa.text("until is null"),
        postgresql_where=sa.text("until is null"),
    )
    op.create_table(
        "offers",
        sa.Column("id", ID, nullable=False),
        sa.Column("ticket_id", ID, nullable=False),
        sa.Column("conversation_id", ID, nullable=False),
        sa.Column("person_id", ID, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("made_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.Column("why", DOCUMENT, nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"], ["conversations.id"], name="fk_offers_conversation_id_conversations"
        ),
        sa.ForeignKeyConstraint(["person_id"], ["people.id"], name="fk_offers_person_id_people"),
        sa.ForeignKeyConstraint(["ticket_id"], ["tickets.id"], name="fk_offers_ticket_id_tickets"),
        sa.PrimaryKeyConstraint("id", name="pk_offers"),
    )
    op.create_index(
        "ix_offers_due",
        "offers",
        ["expires_at"],
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
    op.create_index("ix_offers_person_id_state", "offers", ["person_id", "state"])
    op.create_index(
        "uq_offers_open",
        "offers",
        ["ticket_id"],
        unique=True,
        sqlite_where=sa.text("state = 'open'"),
        postgresql_where=sa.text("state = 'open'"),
    )
