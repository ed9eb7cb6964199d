"""A pseudonymised file names nobody, and its rows still belong together."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import privacy_rows as people
import pytest
from privacy_rows import values

from pipeline.schema import TABLES
from pipeline.warehouse import Warehouse, WarehouseError

KEY, OTHER_KEY = "k" * 40, "q" * 40
JOINS = """
SELECT count(*) FROM corpus.message AS m JOIN corpus.agent AS a USING (corpus_id, agent_id)
JOIN feature.text AS t USING (corpus_id, text_hash) JOIN corpus.source_file AS f
    ON f.source_file_id = m.source_file_id AND f.corpus_id = m.corpus_id
"""


@pytest.fixture
def shared(warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    people.write(warehouse)
    monkeypatch.setenv("ETHOGRAM_KEY", KEY)
    return warehouse.share(tmp_path / "shared.duckdb")


def everything(path: Path) -> str:
    tables = [f"{t.layer}.{t.name}" for t in TABLES.values()]
    return "\n".join(str(row) for name in [*tables, "meta.part", "meta.about"] for row in values(path, f"FROM {name}"))


def test_no_name_address_or_id_is_in_the_values_or_the_bytes(
    shared: Path, warehouse: Warehouse, tmp_path: Path
) -> None:
    text, raw = everything(shared), shared.read_bytes()
    for needle in (*people.NEEDLES, *people.HASHES, KEY):
        assert needle not in text, needle
        assert needle.encode() not in raw, needle
    kept = warehouse.share(tmp_path / "kept.duckdb", privacy={"demo": "keep"})
    found = everything(kept)
    for needle in people.NEEDLES:
        assert (needle in found) == (needle != people.SECRET), needle
    assert people.EMAIL.encode() in kept.read_bytes()  # so a search in the bytes can find something
    assert people.SECRET.encode() not in kept.read_bytes()


def test_rows_still_belong_together(shared: Path) -> None:
    assert values(shared, JOINS) == [(2,)]
    (ada, bo) = (
        row[0] for row in values(shared, "SELECT agent_id FROM corpus.agent ORDER BY has_profile IS NULL, agent_id")
    )
    pairs = values(
        shared,
        "SELECT c.agent_id, p.agent_id FROM corpus.message c JOIN corpus.message p ON p.message_id = c.parent_id",
    )
    assert pairs == values(shared, "SELECT source_id, target_id FROM feature.interaction")
    assert pairs == values(shared, "SELECT source_id, target_id FROM feature.tie")
    assert set(pairs[0]) == {ada, bo}
    post = values(shared, "SELECT message_id FROM corpus.message WHERE parent_id IS NULL")[0][0]
    labels = dict(values(shared, "SELECT target_kind, target_id FROM corpus.label"))
    assert labels == {"agent": pairs[0][1], "community": "general", "message": post}
    assert values(shared, "SELECT count(*) FROM corpus.message WHERE root_id = (SELECT message_id FROM corpus.message "
                          "WHERE parent_id IS NULL)") == [(2,)]  # fmt: skip
    assert values(shared, "SELECT count(*) FROM corpus.agent WHERE name = agent_id") == [(2,)]


def test_texts_hold_the_pseudonyms_of_the_tables(shared: Path) -> None:
    bo, ada = values(shared, "SELECT source_id, target_id FROM feature.interaction")[0]
    post = values(shared, "SELECT message_id FROM corpus.message WHERE parent_id IS NULL")[0][0]
    owner = values(shared, "SELECT owner_handle FROM corpus.agent WHERE owner_handle IS NOT NULL")[0][0]
    text = str(values(shared, "SELECT content FROM corpus.message LIMIT 1")[0][0])
    email = text.partition("wrote ")[2].split(" ")[0]
    assert email.startswith("email_")
    assert text.startswith(f"Hi @{ada}, _{bo}_ and {bo}. Not @nobody-known; @{owner} wrote {email} ({email}), wallet_")
    assert f"/post/{post} and u/{ada}さん. [redacted:github_token]" in text
    assert "; see https" in text.partition("phone_")[2]
    for sql in (
        "SELECT persona FROM corpus.agent WHERE persona IS NOT NULL",
        "SELECT persona FROM corpus.agent_snapshot",
        "SELECT DISTINCT ltrim(text, chr(10)) FROM feature.text",
    ):
        assert values(shared, sql) == [(text,)]
    assert values(shared, "SELECT extra FROM corpus.message WHERE extra IS NOT NULL") == [('{"reply_count":3}',)]
    assert (
        values(shared, "SELECT owner_bio, display_name, extra, owner_followers FROM corpus.agent") == [(None,) * 4] * 2
    )


def test_the_same_key_makes_the_same_pseudonyms_and_another_key_others(
    shared: Path, warehouse: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sql = "SELECT m.message_id, m.agent_id, m.text_hash, m.content FROM corpus.message m ORDER BY m.kind, m.content, 1"
    again = warehouse.share(tmp_path / "again.duckdb")
    assert values(again, sql) == values(shared, sql)
    monkeypatch.setenv("ETHOGRAM_KEY", OTHER_KEY)
    other = warehouse.share(tmp_path / "other.duckdb")
    first, second = ({value for row in values(path, sql) for value in row} for path in (shared, other))
    assert len(first) >= 7
    assert not first & second


def test_privacy_is_chosen_by_corpus(warehouse: Warehouse, tmp_path: Path) -> None:
    people.write(warehouse, "open")
    people.write(warehouse, "closed")
    out = warehouse.share(tmp_path / "both.duckdb", privacy={"open": "keep"})
    names = values(out, "SELECT corpus_id, name FROM corpus.agent WHERE owner_name IS NOT NULL ORDER BY 1")
    assert names[1] == ("open", "Ada_Lovelace99")
    assert str(names[0][1]).startswith("agent_")
    about = dict(values(out, "SELECT name, value FROM meta.about"))
    assert about["privacy"] == "pseudonymised: closed; personal data kept: open"
    with pytest.raises(WarehouseError, match="'none': expected one of pseudonymise, keep"):
        warehouse.share(tmp_path / "x.duckdb", privacy={"open": "none"})


def test_control_characters_in_a_text_move_no_piece(warehouse: Warehouse, tmp_path: Path) -> None:
    people.write(warehouse)
    rows = warehouse.read("message", "demo").collect().drop("corpus_id")

    warehouse.write(
        "message", "demo", rows.with_columns(pl.lit("a\x01b @Bo_Bot-9\x01 x\x01").alias("content")), "0" * 12
    )
    warehouse.publish("demo")
    out = warehouse.share(tmp_path / "marks.duckdb")
    bo = values(out, "SELECT source_id FROM feature.interaction")[0][0]
    assert values(out, "SELECT DISTINCT content FROM corpus.message") == [(f"ab @{bo} x",)]


def test_a_profile_of_an_account_is_a_pseudonym_and_other_communities_stay(shared: Path) -> None:
    ids = [row[0] for row in values(shared, "SELECT community_id FROM corpus.community ORDER BY community_id")]
    assert ids[0] == "general"
    assert ids[1].startswith("profile_")
    assert values(shared, "SELECT name FROM corpus.community ORDER BY name") == [("general",), (ids[1],)]
    assert values(shared, "SELECT DISTINCT community_id FROM corpus.message ORDER BY 1") == [("general",), (ids[1],)]
