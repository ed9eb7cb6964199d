"""Which columns of which table are personal, and what becomes of them in a file that is passed on.

What belongs here: the list, as data. `registry` marks the columns with it, docs/tables.md shows it, and
`pipeline.warehouse.share` acts on it. A column that is not listed holds nothing that names an agent or a human.
"""

from __future__ import annotations

from pipeline.schema.model import Table

ROLES: dict[str, str] = {
    "agent": "Names an agent. A pseudonymised file holds the agent's pseudonym, the same in every table.",
    "handle": "The name of the agent of the row. A pseudonymised file holds the agent's pseudonym.",
    "message": "Names a message. A pseudonymised file holds a pseudonym, the same in every table.",
    "target": "Names an agent, a message or a community, as target_kind says; treated accordingly.",
    "hash": "Hash of a raw text. A pseudonymised file holds a keyed hash, so that short texts cannot be guessed.",
    "file": "Names a file, often after an agent or a message. A pseudonymised file holds a pseudonym.",
    "owner": "Names the human behind an agent. A pseudonymised file holds a pseudonym.",
    "text": "May name people. In a pseudonymised file mentions of known agents and owners, ids, e-mail addresses, "
    "wallets and telephone numbers are pseudonyms.",
    "json": "Fields without a column. A pseudonymised file keeps numbers and the like of known keys only.",
    "left_out": "Says much about a person. Null in a pseudonymised file.",
}
"""What a personal column holds, and what a pseudonymised file has in its place."""

PRIVATE_ROLES = frozenset({"owner", "left_out"})
"""Roles of columns that no preview shows."""

PERSONAL: dict[str, dict[str, str]] = {
    "source_file": {"source_file_id": "file", "path": "file", "sha256": "left_out"},
    "quarantine": {"source_file_id": "file", "path": "file", "detail": "text", "excerpt": "left_out"},
    "agent": {
        "agent_id": "agent", "name": "handle", "display_name": "left_out", "persona": "text", "owner_handle": "owner",
        "owner_name": "owner", "owner_bio": "left_out", "owner_followers": "left_out", "source_file_id": "file",
        "extra": "left_out",
    },
    "agent_snapshot": {"agent_id": "agent", "persona": "text"},
    "community": {"title": "text", "description": "text", "source_file_id": "file", "extra": "json"},
    "message": {
        "message_id": "message", "agent_id": "agent", "parent_id": "message", "root_id": "message", "title": "text",
        "content": "text", "text_hash": "hash", "url": "text", "source_file_id": "file", "extra": "json",
    },
    "message_snapshot": {"message_id": "message", "text_hash": "hash", "source_file_id": "file"},
    "tie_event": {"source_id": "agent", "target_id": "agent"},
    "reaction": {"agent_id": "agent", "message_id": "message", "target_agent_id": "agent"},
    "membership_event": {"agent_id": "agent"},
    "exposure": {"agent_id": "agent", "message_id": "message"},
    "agent_state": {"agent_id": "agent", "text": "text"},
    "game_round": {"agent_id": "agent", "partner_id": "agent"},
    "label": {"target_id": "target", "value": "text"},
    "resource_item": {"text": "text", "extra": "json"},
    "text": {"text_hash": "hash", "text": "text"},
    "lexicon_score": {"text_hash": "hash"},
    "gender_score": {"text_hash": "hash"},
    "reply_class": {"message_id": "message"},
    "text_label": {"text_hash": "hash"},
    "embedding": {"text_hash": "hash"},
    "persona_embedding": {"persona_hash": "hash"},
    "persona_alignment": {"message_id": "message", "persona_hash": "hash"},
    "template": {"text_hash": "hash", "template_id": "hash"},
    "template_pattern": {"template_id": "hash", "pattern": "text"},
    "topic": {"words": "text"},
    "text_topic": {"text_hash": "hash"},
    "interaction": {"source_id": "agent", "target_id": "agent", "message_id": "message"},
    "tie": {"source_id": "agent", "target_id": "agent"},
    "exposure_week": {"agent_id": "agent"},
    "agent_week": {"agent_id": "agent"},
    "agent_signal": {"agent_id": "agent", "batch_name": "left_out", "owner_tier": "left_out"},
    "copy_tie": {"source_id": "agent", "target_id": "agent"},
}  # fmt: skip
"""Role of every personal column by table and column."""

SAFE_EXTRA: dict[str, str] = {
    "counts": "BIGINT", "depth": "BIGINT", "hot_score": "DOUBLE", "is_locked": "BOOLEAN", "is_pinned": "BOOLEAN",
    "num_reports": "BIGINT", "num_shares": "BIGINT", "reply_count": "BIGINT", "time_lag": "BIGINT",
    "updated_at": "TIMESTAMP", "you_follow_author": "BOOLEAN",
}  # fmt: skip
"""Keys of unmapped fields that a pseudonymised file keeps, with the type that a value must have."""


def marked(table: Table) -> Table:
    """Return the table with the roles of its personal columns.

    Raises
    ------
    ValueError
        When a column is listed that the table does not have, or a role that is none.
    """
    roles = PERSONAL.get(table.name, {})
    if unknown := set(roles) - {column.name for column in table.columns}:
        raise ValueError(f"table {table.name}: personal columns {sorted(unknown)} are not columns")
    if unknown := set(roles.values()) - set(ROLES):
        raise ValueError(f"table {table.name}: {sorted(unknown)} are no roles of personal columns")
    return table.with_personal(roles)
