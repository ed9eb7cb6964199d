"""A small corpus with planted people, addresses and mentions, as rows of the store."""

from __future__ import annotations

from pathlib import Path

import duckdb
import polars as pl
from warehouse_rows import make_rows

from pipeline.warehouse import Warehouse

PRINT = "0123456789ab"
ADA, BO = "a0000000-0000-4000-8000-000000000001", "name:Bo_Bot-9"
POST, COMMENT = "0a000000-0000-4000-8000-000000000001", "c0000000-0000-4000-8000-000000000002"
EMAIL, WALLET, PHONE = "jane.doe@mail.example.org", "0x52908400098527886E0F7030069857D2E4169EE7", "+44 20 7946 0958"
SECRET = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
TEXT = (
    f"Hi @ADA_lovelace99, _Bo_Bot-9_ and Bo_Bot-9. Not @nobody-known; @jane_owner_x wrote {EMAIL} ({EMAIL.upper()}), "
    f"{WALLET}, {PHONE}; see https://www.moltbook.com/post/{POST} and u/Ada_Lovelace99さん. {SECRET}"
)
NEEDLES = (
    ADA, BO, POST, COMMENT, EMAIL, EMAIL.upper(), WALLET, PHONE, "Ada_Lovelace99", "ADA_lovelace99", "Bo_Bot-9",
    "jane_owner_x", "Jane Owner", "posts/ada.json", SECRET, "Display of Ada", "A bio", "sha-of-file",
)  # fmt: skip
PROFILE = "u_Ada_Lovelace99"
HASHES = ("1" * 32, "2" * 32)


def write(warehouse: Warehouse, corpus_id: str = "demo") -> None:
    """Write and publish the corpus."""

    def put(table: str, *rows: dict[str, object]) -> None:
        frame = make_rows(table, len(rows)).with_columns(
            pl.Series(name, [row[name] for row in rows], strict=False) for name in rows[0]
        )
        others = [
            pl.lit(None, dtype=dtype).alias(name)
            for name, dtype in frame.schema.items()
            if name not in rows[0] and name in ("extra", "persona", "url", "title", "display_name", "owner_bio")
        ]
        warehouse.write(table, corpus_id, frame.with_columns(others), PRINT)

    file = {"source_file_id": "file-of-ada-0001", "path": "posts/ada.json"}
    put("source_file", {**file, "sha256": "sha-of-file"})
    put(
        "quarantine",
        {**file, "source_row": 7, "reason": "missing_id", "detail": f"of {ADA}", "excerpt": f"{ADA} {EMAIL}"},
    )
    owner = {"owner_handle": "Jane_Owner_X", "owner_name": "Jane Owner", "owner_bio": "A bio"}
    none: dict[str, object] = dict.fromkeys(owner)
    put(
        "agent",
        {
            "agent_id": ADA,
            "name": "Ada_Lovelace99",
            "display_name": "Display of Ada",
            "persona": TEXT,
            **owner,
            **file_id(file),
        },
        {"agent_id": BO, "name": "Bo_Bot-9", "display_name": None, "persona": None, **none, **file_id(file)},
    )
    put("agent_snapshot", {"agent_id": ADA, "persona": TEXT, "observed_at": None})
    message = {"content": TEXT, "url": None, "title": "T", "extra": None, "community_id": "general", **file_id(file)}
    put(
        "message",
        {**message, "message_id": POST, "agent_id": ADA, "parent_id": None, "root_id": POST, "text_hash": HASHES[0],
         "extra": f'{{"reply_count":3,"author":{{"name":"Ada_Lovelace99"}},"hot_score":"{EMAIL}"}}'},
        {**message, "message_id": COMMENT, "agent_id": BO, "parent_id": POST, "root_id": POST, "text_hash": HASHES[1],
         "community_id": PROFILE},
    )  # fmt: skip
    put("community", {"community_id": "general", "name": "general"}, {"community_id": PROFILE, "name": PROFILE})
    put("text", {"text_hash": HASHES[0], "text": TEXT}, {"text_hash": HASHES[1], "text": "\n" + TEXT})
    put("interaction", {"source_id": BO, "target_id": ADA, "message_id": COMMENT, "rule": "reply_any"})
    put("tie", {"source_id": BO, "target_id": ADA, "relation": "follow"})
    put("label", *({"target_kind": kind, "target_id": ident, "value": "spam"} for kind, ident in
                   (("agent", ADA), ("community", "general"), ("message", POST))))  # fmt: skip
    warehouse.publish(corpus_id)


def file_id(file: dict[str, str]) -> dict[str, object]:
    return {"source_file_id": file["source_file_id"]}


def values(path: Path, sql: str) -> list[tuple[object, ...]]:
    """Return the rows of a query on a database."""
    with duckdb.connect(str(path), read_only=True) as con:
        return con.execute(sql).fetchall()
