"""docs/unknown-layouts.md is true: its example is read as the page says, and it names every key of the code."""

from __future__ import annotations

import json
import re
from datetime import datetime
from pathlib import Path

from ingest_helpers import Corpus

from pipeline.ingest.formats import mapped_rules as m
from pipeline.ingest.formats.mapped_paths import SPECIALS
from pipeline.ingest.mapped_config import CONDITION_KEYS, CONTAINERS, ENTRY_KEYS, FIELD_KEYS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "unknown-layouts.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    return re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)[0]


def test_the_example_is_read_as_the_page_says(corpus: Corpus) -> None:
    corpus.write("export.json", block("json"))
    corpus.write("corpus.toml", block("toml"))
    tables = corpus.read()
    lines = [line for line in PAGE.splitlines() if re.match(r"\| m\d ", line)]
    told = {cells[0]: cells for line in lines if (cells := [cell.strip() for cell in line.strip("|").split("|")])}
    names = ("message_id", "kind", "agent_id", "parent_id", "depth", "content", "created_at", "at_precision")
    found = {
        key: ["null" if row[name] is None else str(row[name]) for name in names] for key, row in tables.messages.items()
    }
    assert found == told
    assert json.loads(tables.messages["m1"]["extra"]) == {"lang": "en"}
    assert (tables.messages["m1"]["upvotes"], tables.messages["m2"]["community_id"]) == (2, "garden")
    assert tables.agents["7"]["name"] == "ada"
    assert tables.tie_event.select("source_id", "target_id", "relation", "action", "at").rows() == [
        ("7", "8", "friend", "add", datetime(2026, 1, 30, 10))
    ]
    assert tables.reasons() == ["unreadable_field", "left_out"]
    assert "line 15" in tables.quarantine["detail"][0]
    assert tables.account() == (6, 4, 0, 0, 2)


def test_every_key_and_field_is_on_the_page() -> None:
    words = {*CONTAINERS, *ENTRY_KEYS, *FIELD_KEYS, *CONDITION_KEYS, *SPECIALS, *m.KINDS, m.REVISION, m.INTERACTION}
    words |= {m.NOT_READ}
    words |= {name for names in m.FIELDS.values() for name in names} - {"target_display", "target_agent_name"}
    missing = sorted(word for word in words if not re.search(rf"\b{re.escape(word)}\b", PAGE))
    assert missing == []
