"""Y Social databases of both servers: kinds, clock, exposure, and who follows whom against a planted truth."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import uuid
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from ingest_helpers import Corpus, Tables

from pipeline.ingest.config import CorpusConfigError
from pipeline.ingest.formats.ysocial import chosen_direction, recognises_file

Ident = Callable[[int], Any]
# The columns of both servers; YServer declares the ids INTEGER, YSimulator VARCHAR(36).
SCHEMA = """
CREATE TABLE rounds (id {id} PRIMARY KEY, day INTEGER, hour INTEGER);
CREATE TABLE user_mgmt (
    id {id} PRIMARY KEY, username VARCHAR(50) NOT NULL UNIQUE, email VARCHAR(50), password VARCHAR(400) NOT NULL,
    user_type TEXT, leaning TEXT, age INTEGER, oe TEXT, co TEXT, ex TEXT, ag TEXT, ne TEXT, recsys_type TEXT,
    language TEXT, owner TEXT, education_level TEXT, joined_on {id}, frecsys_type TEXT,
    round_actions INTEGER NOT NULL DEFAULT 3, gender TEXT, nationality TEXT, toxicity TEXT,
    is_page INTEGER NOT NULL DEFAULT 0, left_on {id}, daily_activity_level INTEGER DEFAULT 1, profession TEXT,
    activity_profile TEXT
);
CREATE TABLE follow (id {id} PRIMARY KEY, user_id {id} NOT NULL, follower_id {id} NOT NULL, action TEXT, round {id});
CREATE TABLE recommendations (id {id} PRIMARY KEY, user_id {id} NOT NULL, post_ids TEXT, round {id} NOT NULL);
CREATE TABLE post (
    id {id} PRIMARY KEY, tweet TEXT NOT NULL, post_img VARCHAR(20), user_id {id} NOT NULL,
    comment_to {id} DEFAULT -1, thread_id {id}, round {id}, news_id {id} DEFAULT -1, shared_from {id} DEFAULT -1,
    image_id {id}, reaction_count INTEGER DEFAULT 0
);
CREATE TABLE reactions (id {id} PRIMARY KEY, post_id {id}, user_id {id}, type TEXT, round {id});
CREATE TABLE hashtags (id {id} PRIMARY KEY, hashtag TEXT NOT NULL);
CREATE TABLE agent_opinion (id {id} PRIMARY KEY, agent_id {id}, opinion REAL);
"""


def integer(number: int) -> int:
    return number


def uuid_of(number: int) -> str:
    return str(uuid.UUID(int=number + (4 << 76)))


def word(number: int) -> str:
    return f"id{number}"


def small_run(path: Path, ident: Ident) -> None:
    """Write three agents, a thread, shares, and follows; who acts stands in user_id."""
    with closing(sqlite3.connect(path)) as con, con:
        con.executescript(SCHEMA.format(id="INTEGER" if ident is integer else "VARCHAR(36)"))
        none: Any = -1 if ident is integer else "-1"
        con.executemany(
            "INSERT INTO rounds VALUES (?, ?, ?)", [(ident(n), (n - 1) // 24, (n - 1) % 24) for n in range(1, 50)]
        )
        users = [(1, "ada", "llama3.2", 0, 30), (2, "bo", "user", 0, 40), (3, "news", "llama3.2", 1, None)]
        con.executemany(
            "INSERT INTO user_mgmt (id, username, email, password, user_type, is_page, age, oe, leaning, joined_on) "
            "VALUES (?, ?, 'someone@example.org', 'secret', ?, ?, ?, 'open', 'left', ?)",
            [(ident(n), name, kind, page, age, ident(2)) for n, name, kind, page, age in users],
        )
        posts = [
            (1, "Hello", 1, none, 1, 1, none), (2, "Answer", 2, ident(1), 1, 26, none),
            (3, "Deeper", 1, ident(2), 1, 27, none), (4, "Hello", 2, none, 4, 27, ident(1)),
            (5, "Look at this", 3, none, 5, 28, ident(1)), (6, "", 1, none, 6, 28, ident(5)),
            (7, "Alone", 3, None, 7, 99, None), (8, "On the quote", 2, ident(5), 5, 29, none),
        ]  # fmt: skip
        con.executemany(
            "INSERT INTO post (id, tweet, user_id, comment_to, thread_id, round, shared_from, news_id, reaction_count) "
            f"VALUES (?, ?, ?, ?, ?, ?, ?, {none!r}, 2)",
            [(ident(n), t, ident(u), c, ident(th), ident(r), sh) for n, t, u, c, th, r, sh in posts],
        )
        follows = [(1, 1, 2, "follow", 1), (2, 2, 3, "follow", 5), (3, 1, 2, "unfollow", 30), (4, 1, 2, "block", 31)]
        con.executemany(
            "INSERT INTO follow VALUES (?, ?, ?, ?, ?)",
            [(ident(n), ident(a), ident(b), action, ident(r)) for n, a, b, action, r in follows],
        )
        con.executemany(
            "INSERT INTO reactions VALUES (?, ?, ?, ?, ?)",
            [(ident(1), ident(1), ident(2), "like", ident(30)), (ident(2), ident(2), ident(1), "angry", ident(30))],
        )
        lists = ["|".join(str(ident(n)) for n in (1, 2)), ",".join(str(ident(n)) for n in (3, 1)),
                 json.dumps([ident(4)]), str([ident(5), ident(6)]), ""]  # fmt: skip
        con.executemany(
            "INSERT INTO recommendations VALUES (?, ?, ?, ?)",
            [(ident(n), ident(2), ids, ident(20 + n)) for n, ids in enumerate(lists, 1)],
        )
        con.execute("INSERT INTO hashtags VALUES (?, 'x')", (ident(1),))


@pytest.mark.parametrize("ident", [integer, uuid_of])
def test_a_run(corpus: Corpus, ident: Ident) -> None:
    small_run(corpus.folder / "exp.db", ident)
    tables = corpus.read()
    assert tables.files["exp.db"]["format"] == "ysocial"
    # Run, 3 users, 8 posts, 4 follows, 2 reactions, 7 recommended posts; the action 'block' and hashtags are set aside.
    assert tables.account() == (26, 24, 0, 0, 2)
    assert tables.reasons() == ["table_not_read", "incomplete_event"]
    assert tables.run.rows() == [("exp", "Y Social", None, None, None, "step")]
    assert tables.corpus["kind"][0] == "simulation"

    def name(letter: str, number: int | None) -> str | None:
        return None if number is None else f"exp:{letter}{ident(number)}"

    expected = {
        1: ("post", 1, "Hello", None, 1, 0, 0), 2: ("comment", 2, "Answer", 1, 1, 1, 25),
        3: ("comment", 1, "Deeper", 2, 1, 2, 26), 4: ("repost", 2, None, 1, 1, 1, 26),
        5: ("quote", 3, "Look at this", 1, 1, 1, 27), 6: ("repost", 1, None, 5, 1, 2, 27),
        7: ("post", 3, "Alone", None, 7, 0, None), 8: ("comment", 2, "On the quote", 5, 5, 1, 28),
    }  # fmt: skip
    found = {
        key: (m["kind"], m["agent_id"], m["content"], m["parent_id"], m["root_id"], m["depth"], m["step"])
        for key, m in tables.messages.items()
    }
    assert found == {
        name("p", n): (kind, name("u", u), text, name("p", parent), name("p", root), depth, step)
        for n, (kind, u, text, parent, root, depth, step) in expected.items()
    }
    assert tables.message["created_at"].null_count() == 8
    assert json.loads(tables.messages[name("p", 1)]["extra"]) == {"reaction_count": "2"}
    assert json.loads(tables.messages[name("p", 7)]["extra"])["round"] == str(ident(99))

    shown = tables.exposure.sort("step", "message_id").select("agent_id", "message_id", "step", "source").rows()
    lists = {20: (1, 2), 21: (1, 3), 22: (4,), 23: (5, 6)}
    assert shown == [
        (name("u", 2), name("p", n), step, "recommendations") for step, numbers in lists.items() for n in numbers
    ]
    reactions = tables.reaction.sort("type").select("agent_id", "message_id", "type", "step").rows()
    assert reactions == [(name("u", 1), name("p", 2), "angry", 29), (name("u", 2), name("p", 1), "like", 29)]


@pytest.mark.parametrize("ident", [integer, uuid_of])
def test_agents_and_what_is_never_read(corpus: Corpus, ident: Ident) -> None:
    small_run(corpus.folder / "exp.db", ident)
    tables = corpus.read()
    ada, bo, page = (tables.agents[f"exp:u{ident(n)}"] for n in (1, 2, 3))
    assert [(a["name"], a["agent_kind"], a["model"]) for a in (ada, bo, page)] == [
        ("ada", "llm", "llama3.2"), ("bo", "unknown", None), ("news", "unknown", None),
    ]  # fmt: skip
    extra = json.loads(ada["extra"])
    assert (extra["openness"], extra["leaning"], extra["age"], extra["created_step"]) == ("open", "left", "30", 1)
    for table in tables.tables.values():
        for column in table.select(pl.col(pl.String)):
            assert not column.str.contains("secret|someone@").any()


@pytest.mark.parametrize(("ident", "flipped"), [(integer, False), (uuid_of, True)])
def test_direction_by_ids(corpus: Corpus, ident: Ident, flipped: bool) -> None:
    """The same rows mean opposite ties in the two servers; two interactions are no evidence."""
    small_run(corpus.folder / "exp.db", ident)
    ties = corpus.read().tie_event.sort("step").select("source_id", "target_id", "action", "step", "origin").rows()
    events = [(1, 2, "add", 0), (2, 3, "add", 4), (1, 2, "remove", 29)]
    assert ties == [
        (*(f"exp:u{ident(n)}" for n in ((b, a) if flipped else (a, b))), action, step,
         "follow, direction from the kind of ids")
        for a, b, action, step in events
    ]  # fmt: skip


def society(path: Path, ident: Ident, *, user_acts: bool, is_shown: bool = True) -> set[tuple[str, str]]:
    """Write sixty agents who are shown posts of those whom they follow; return the ties as (source, target)."""
    rng = np.random.default_rng(7)
    ties = {(int(a), int(b)) for a, b in rng.integers(1, 61, (240, 2)) if a != b}
    with closing(sqlite3.connect(path)) as con, con:
        con.executescript(SCHEMA.format(id="INTEGER" if ident is integer else "VARCHAR(36)"))
        con.execute("INSERT INTO rounds VALUES (?, 0, 0)", (ident(1),))
        con.executemany(
            "INSERT INTO user_mgmt (id, username, password) VALUES (?, ?, 'x')",
            [(ident(n), f"a{n}") for n in range(1, 61)],
        )
        con.executemany(
            "INSERT INTO post (id, tweet, user_id, round) VALUES (?, 't', ?, ?)",
            [(ident(n), ident(n), ident(1)) for n in range(1, 61)],
        )
        rows = [(a, b) if user_acts else (b, a) for a, b in sorted(ties)]
        con.executemany(
            "INSERT INTO follow VALUES (?, ?, ?, 'follow', ?)",
            [(ident(n), ident(a), ident(b), ident(1)) for n, (a, b) in enumerate(rows, 1)],
        )
        met = sorted(ties) if is_shown else [(int(a), int(b)) for a, b in rng.integers(1, 61, (300, 2))]
        con.executemany(
            "INSERT INTO recommendations VALUES (?, ?, ?, ?)",
            [(ident(n), ident(a), str(ident(b)), ident(1)) for n, (a, b) in enumerate(met, 1)],
        )
    return {(f"exp:u{ident(a)}", f"exp:u{ident(b)}") for a, b in ties}


def ties_of(tables: Tables) -> set[tuple[str, str]]:
    return set(tables.tie_event.select("source_id", "target_id").rows())


@pytest.mark.parametrize(("ident", "user_acts"), [(integer, True), (uuid_of, False)])
def test_evidence_that_agrees(corpus: Corpus, ident: Ident, user_acts: bool) -> None:
    truth = society(corpus.folder / "exp.db", ident, user_acts=user_acts)
    assert ties_of(corpus.read()) == truth


@pytest.mark.parametrize(("ident", "user_acts"), [(integer, False), (uuid_of, True)])
def test_evidence_that_contradicts_is_refused_until_told(corpus: Corpus, ident: Ident, user_acts: bool) -> None:
    truth = society(corpus.folder / "exp.db", ident, user_acts=user_acts)
    tables = corpus.read()
    assert tables.tie_event.height == 0
    assert tables.reasons() == ["unclear_direction"]
    assert "follow_direction" in tables.quarantine["detail"][0]
    given = "user_to_follower" if user_acts else "follower_to_user"
    corpus.write("corpus.toml", f'follow_direction = "{given}"\n')
    told = corpus.read()
    assert ties_of(told) == truth
    assert told.quarantine.height == 0
    assert set(told.tie_event["origin"]) == {"follow, direction from corpus.toml"}


def test_noise_decides_nothing(corpus: Corpus) -> None:
    """Random posts say nothing: ids that name a server are believed, others are not."""
    truth = society(corpus.folder / "exp.db", integer, user_acts=True, is_shown=False)
    assert ties_of(corpus.read()) == truth
    (corpus.folder / "exp.db").unlink()
    society(corpus.folder / "exp.db", word, user_acts=True, is_shown=False)
    assert corpus.read().reasons() == ["unclear_direction"]
    (corpus.folder / "exp.db").unlink()
    truth = society(corpus.folder / "exp.db", word, user_acts=True)
    assert ties_of(corpus.read()) == truth


@pytest.mark.parametrize(
    ("ids", "evidence", "expected"),
    [
        ({"integer"}, (0, 0), "user_to_follower"), ({"integer"}, (0, 9), "user_to_follower"),
        ({"integer"}, (0, 10), None), ({"integer"}, (40, 60), "user_to_follower"), ({"integer"}, (34, 66), None),
        ({"uuid"}, (66, 34), None), ({"uuid"}, (0, 100), "follower_to_user"), ({"other"}, (35, 65), "follower_to_user"),
        ({"other"}, (40, 60), None), ({"integer", "uuid"}, (100, 0), "user_to_follower"),
    ],
)  # fmt: skip
def test_rule_of_direction(ids: set[str], evidence: tuple[int, int], expected: str | None) -> None:
    assert chosen_direction(ids, evidence, None)[0] == expected
    assert chosen_direction(ids, evidence, "follower_to_user")[0] == "follower_to_user"


def test_direction_is_checked(corpus: Corpus) -> None:
    small_run(corpus.folder / "exp.db", integer)
    corpus.write("corpus.toml", 'follow_direction = "backwards"\n')
    with pytest.raises(CorpusConfigError, match=r"follow_direction.*user_to_follower, follower_to_user"):
        corpus.read()


def test_recognition(tmp_path: Path) -> None:
    small_run(tmp_path / "a.db", integer)
    assert recognises_file(tmp_path / "a.db")
    with closing(sqlite3.connect(tmp_path / "b.db")) as con:
        con.execute("CREATE TABLE user_mgmt (id, username)")
    assert not recognises_file(tmp_path / "b.db")
    (tmp_path / "c.db").write_bytes(b"SQLite format 3\x00" + b"x" * 200)
    assert not recognises_file(tmp_path / "c.db")


@pytest.mark.parametrize("ident", [integer, uuid_of])
def test_odd_values_in_every_column(corpus: Corpus, ident: Ident) -> None:
    """Whatever a cell holds, nothing crashes and every row is accounted for."""
    odd = (
        None,
        -1,
        2**63 - 1,
        -(2**63),
        1.5,
        float("inf"),
        "",
        "None",
        "x" * 300,
        b"\xff\x00",
        "[",
        '["a", {}]',
        "1e400",
    )
    rng = np.random.default_rng(3)
    small_run(corpus.folder / "exp.db", ident)
    with closing(sqlite3.connect(corpus.folder / "exp.db", isolation_level=None)) as con:
        for table in ("rounds", "user_mgmt", "post", "follow", "reactions", "recommendations"):
            columns = [row[1] for row in con.execute(f"PRAGMA table_info({table})") if row[1] != "id"]
            rows = [row[0] for row in con.execute(f"SELECT _rowid_ FROM {table}")]
            for _ in range(20):
                column, row = columns[rng.integers(len(columns))], rows[rng.integers(len(rows))]
                value = odd[rng.integers(len(odd))]
                with contextlib.suppress(sqlite3.IntegrityError):
                    con.execute(f"UPDATE {table} SET {column} = ? WHERE _rowid_ = ?", (value, row))
    tables = corpus.read()
    assert tables.files["exp.db"]["status"] == "read"
    assert tables.message.height + len([r for r in tables.reasons() if r == "id_too_long"]) >= 8
