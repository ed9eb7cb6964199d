"""Shared files hold no credentials and the chosen corpora only, and innocent words stay."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from warehouse_rows import make_rows

from pipeline.schema import PRIVATE_ROLES, TABLES
from pipeline.warehouse import UnknownCorpusError, Warehouse, WarehouseError, redact, redact_sql
from pipeline.warehouse.clean import holds_text
from pipeline.warehouse.redact import redact_json
from pipeline.warehouse.redact_patterns import PATTERNS

PRINT = "0123456789ab"
EXAMPLES = ["".join(pattern.example) for pattern in PATTERNS]
INNOCENT = [
    "the risk-adjusted-returns-of-2026-portfolio-42 were fine",
    "sk-learn-estimators-and-pipelines are great",
    "my bearer responsibilities, and the bearer of this letter",
    "The password is not something I will share. Password: none",
    "ids 550e8400-e29b-41d4-a716-446655440000 and 7e57d004-2b97-0e7a-b45f-5387367791cd",
    "md5 12345678912345678912345678912345 and 3b5d5c3712955042212316173ccf37be",
    "sha1 356a192b7913b04c54574d18c28d46e6395428ab",
    "sha256 2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "transaction 0x2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "see https://www.moltbook.com/u/agent_smith?x=1 and https://medium.com/@someone/post-1",
    "@someone said: api keys are fun; token economies too; secret: yes",
    "moltbook_is_a_social_network_for_agents",
    "3.14159265358979 and 1234567890123 and 2026-01-27T12:34:56.789012+00:00",
    "-----BEGIN PUBLIC KEY----- is public",
    "InternationalisationOfHumanReadableThings",
    "",
]


@pytest.mark.parametrize("pattern", PATTERNS, ids=lambda pattern: pattern.name)
def test_each_pattern_takes_its_example(pattern: object) -> None:
    secret = "".join(pattern.example)  # type: ignore[attr-defined]
    found = re.search(pattern.regex, secret, re.ASCII)  # type: ignore[attr-defined]
    assert found
    for text in (secret, f"before {secret} after", f'{{"k":"{secret}"}}', f"({secret})", f"é{secret}."):
        assert "[redacted:" in redact(text)
        assert pattern.example[-1][4:] not in redact(text)  # type: ignore[attr-defined]
    kept = redact(f"before {secret} after")
    assert kept.startswith("before ")
    assert kept.endswith(" after")


@pytest.mark.parametrize("text", INNOCENT)
def test_innocent_text_stays(text: str) -> None:
    assert redact(text) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("OPENAI_API_KEY='tr0ub4dor&3' # set", "OPENAI_API_KEY='[redacted:credential]' # set"),
        ('{\\"password\\": \\"hunter22\\"}', '{\\"password\\": \\"[redacted:credential]\\"}'),
        ("git clone https://bob:s3cret@example.org/x", "git clone https://[redacted:url_userinfo]example.org/x"),
        ("mail me: jane@example.org.", "mail me: [redacted:email]."),
        ("Bearer aaaaaaaaaaaaaaaa1 x", "Bearer [redacted:bearer] x"),
    ],
)
def test_what_is_around_a_secret_stays(text: str, expected: str) -> None:
    assert redact(text) == expected


WORDS = st.one_of(st.sampled_from([*EXAMPLES, *INNOCENT, "\n", "\\n", '"', " ", "é", "🦞"]), st.text(max_size=12))


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(WORDS, max_size=6).map("".join), min_size=1, max_size=60))
def test_sql_and_python_agree(texts: list[str]) -> None:
    texts = [text.replace("\x00", "").encode("utf-8", "replace").decode() for text in texts]
    con = duckdb.connect()
    con.register("t", pl.DataFrame({"i": range(len(texts)), "x": texts}))
    found = con.sql(f"SELECT {redact_sql('x')} FROM t ORDER BY i").fetchall()
    assert [row[0] for row in found] == [redact(text) for text in texts]


LINEAR_SECONDS = 3.0  # a hundred kilobytes take under 0.3 s; a quadratic expression takes minutes


@pytest.mark.parametrize(
    "piece",
    ["-----BEGIN RSA PRIVATE KEY-----", "password=", "eyJ-", "a", "a.b@", "0x", "1A", "http://", "sk-", "bearer "],
)
def test_hostile_text_does_not_stall_the_patterns(piece: str) -> None:
    start = time.monotonic()
    redact(piece * (100_000 // len(piece)))
    assert time.monotonic() - start < LINEAR_SECONDS


def test_credentials_leave_unmapped_json_at_any_depth() -> None:
    secret = "sk-ant-api03-Qm9ndXNLZXkxMjM0NTY3ODkw"
    record = {"author": {"karma": 3, "list": [1.5, None, f"x {secret}"]}, f"{secret}": 1, "password": "open sesame"}
    kept = json.loads(redact_json(json.dumps(record)))
    assert kept == {
        "author": {"karma": 3, "list": [1.5, None, "x [redacted:api_key]"]},
        "[redacted:api_key]": 1,
        "password": "[redacted:credential]",
    }
    assert redact_json('{"a": "Bob"') == '{"_redacted":"not readable as JSON"}'
    assert redact_json("[" * 100_000) == '{"_redacted":"not readable as JSON"}'
    hidden = json.dumps({"note": f"line\n{secret}"}).replace("sk-", "s\\u006b-")
    assert secret not in hidden
    assert json.loads(redact_json(hidden)) == {"note": "line\n[redacted:api_key]"}


def plant(warehouse: Warehouse, secret: str) -> None:
    """Write every table with the secret in every text column that is no identifier."""
    for name, table in TABLES.items():
        rows = make_rows(name, 3 if table.key else 1)
        texts = {
            c.name: f"harmless {secret} words"
            for c in table.columns
            if holds_text(table, c) and c.name not in table.key and c.name != "extra"
        }
        texts |= {
            c.name: f"Owner Bob {secret}" for c in table.columns if c.personal in PRIVATE_ROLES and c.name in texts
        }
        extra = json.dumps({"kept": f"x {secret}", "owner": "Owner Bob"})
        changes = [pl.lit(value).alias(key) for key, value in texts.items()]
        if "extra" in rows.columns:
            changes.append(pl.lit(extra).alias("extra"))
        warehouse.write(name, "demo", rows.with_columns(changes), PRINT)
    warehouse.publish_and_build("demo")


def dump(path: Path) -> str:
    """Return all values of all tables of a database as one text."""
    with duckdb.connect(str(path), read_only=True) as con:
        tables = con.execute("SELECT schema_name || '.' || table_name FROM duckdb_tables()").fetchall()
        return "\n".join(str(row) for (name,) in tables for row in con.execute(f"FROM {name}").fetchall())


@pytest.mark.parametrize("privacy", ["pseudonymise", "keep"])
def test_neither_catalogue_nor_shared_file_holds_a_secret(warehouse: Warehouse, tmp_path: Path, privacy: str) -> None:
    secret = "".join(next(pattern for pattern in PATTERNS if pattern.name == "github_token").example)
    plant(warehouse, secret)
    raw = b"".join(path.read_bytes() for path in warehouse.layout.root.glob("corpus/quarantine/**/*.parquet"))
    assert secret.encode() in raw  # so a search in bytes can find something
    out = warehouse.share(tmp_path / "out" / "shared.duckdb", privacy={"demo": privacy})
    for path in (warehouse.layout.catalogue, out):
        text = dump(path)
        for needle in (secret, secret[4:20]):
            assert needle not in text
            assert needle.encode() not in path.read_bytes()
        assert text.count("[redacted:github_token]") > 20
        assert b"harmless" in path.read_bytes()
    assert "Owner Bob" in dump(warehouse.layout.catalogue)
    assert ("Owner Bob" in dump(out)) == (privacy == "keep")
    assert (b"Owner Bob" in out.read_bytes()) == (privacy == "keep")
    with duckdb.connect(str(out), read_only=True) as con:
        listed = con.execute(
            "SELECT schema_name, table_name, column_name FROM duckdb_columns() "
            "WHERE schema_name <> 'meta' AND NOT internal"
        ).fetchall()
        views = con.execute("SELECT count(*) FROM duckdb_views() WHERE NOT internal").fetchall()
        ids = con.execute("SELECT message_id FROM corpus.message ORDER BY 1").fetchall()
    assert set(listed) == {(t.layer, t.name, c.name) for t in TABLES.values() for c in t.all_columns}
    assert views == [(0,)]
    originals = warehouse.read("message", "demo").collect()["message_id"].to_list()
    assert len(ids) == len(originals)
    assert ([row[0] for row in ids] == originals) == (privacy == "keep")
    assert [path.name for path in out.parent.iterdir()] == ["shared.duckdb"]


def test_one_corpus_can_be_shared_without_the_others(warehouse: Warehouse, tmp_path: Path) -> None:
    for corpus_id in ("one", "two", "*"):
        warehouse.write("reply_class", corpus_id, make_rows("reply_class", 2), PRINT)
        warehouse.publish(corpus_id)
    out = warehouse.share(tmp_path / "one.duckdb", ["one"])
    with duckdb.connect(str(out), read_only=True) as con:
        found = con.execute("SELECT DISTINCT corpus_id FROM feature.reply_class ORDER BY 1").fetchall()
        parts = con.execute("SELECT DISTINCT corpus_id FROM meta.part ORDER BY 1").fetchall()
    assert found == parts == [("*",), ("one",)]
    with pytest.raises(UnknownCorpusError, match="'three' are not published; published: one, two"):
        warehouse.share(tmp_path / "x.duckdb", ["three"])
    with pytest.raises(WarehouseError, match="name a new file"):
        warehouse.share(warehouse.layout.catalogue)


def test_comparisons_with_a_corpus_that_is_not_shared_stay_behind(warehouse: Warehouse, tmp_path: Path) -> None:
    pairs = [("one/all", "two/all"), ("two/all", "hidden/all"), ("hidden/all", "one/all"), ("one/all", "one/late")]
    sides = pl.DataFrame(pairs, schema=["slice_a", "slice_b"], orient="row")
    rows = make_rows("comparison", len(pairs)).with_columns(sides["slice_a"], sides["slice_b"])
    warehouse.write("comparison", "*", rows, PRINT)
    warehouse.publish("*")
    for corpus_id in ("one", "two", "hidden"):
        warehouse.write("reply_class", corpus_id, make_rows("reply_class", 2), PRINT)
        warehouse.publish(corpus_id)

    def shared(corpora: list[str] | None) -> tuple[list[tuple[str, str]], list[tuple[int]], bytes]:
        out = warehouse.share(tmp_path / "some.duckdb", corpora)
        with duckdb.connect(str(out), read_only=True) as con:
            found = con.execute("SELECT slice_a, slice_b FROM analysis.comparison").fetchall()
            counted = con.execute("""SELECT "rows" FROM meta.part WHERE "table" = 'comparison'""").fetchall()
        return sorted(found), counted, out.read_bytes()

    found, counted, content = shared(["one", "two"])
    assert found == sorted([pairs[0], pairs[3]])
    assert counted == [(2,)]
    assert b"hidden" not in content
    assert shared(["two"])[:2] == ([], [(0,)])
    assert shared(None)[:2] == (sorted(pairs), [(4,)])
