"""OASIS databases: the account against an independent count, and ties, parents and exposure against the truth."""

from __future__ import annotations

import itertools
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from count_oasis import count_database
from ingest_helpers import Corpus, Tables
from oasis_platform import Platform, random_run
from polars.testing import assert_frame_equal

from pipeline.ingest import sqlite_source
from pipeline.ingest.formats.oasis import recognises_file
from pipeline.ingest.formats.oasis_ties import deleted_follows
from pipeline.ingest.formats.sqlite_run import run_id_of
from pipeline.ingest.sqlite_source import open_database, read_table, why_unknown
from pipeline.schema.vocabulary import QUARANTINE_REASONS

Event = tuple[int, str, int | None]  # row, source, target (null for a follow whose row is gone)


def number(ident: str) -> int:
    return int(ident.rsplit(":", 1)[1][1:])


def when(row: dict[str, Any]) -> Any:
    """Return the time of an event as the platform wrote it."""
    return row["step"] if row["at"] is None else row["at"].strftime("%Y-%m-%d %H:%M:%S.%f")


def of_run(frame: pl.DataFrame, run: str) -> list[dict[str, Any]]:
    return frame.filter(pl.col("run_id") == run).to_dicts()


def feasible(events: list[Event]) -> Iterator[dict[int, int]]:
    """Yield every way to give the deleted follows of one agent targets such that the log can be replayed."""
    follows = [row for row, _, target in events if target is None]
    targets = [target for _, _, target in events if target is not None]
    for chosen in set(itertools.permutations(targets, len(follows))):
        given = dict(zip(follows, chosen, strict=True))
        held: set[int] = set()
        for row, _, target in events:
            whom = given.get(row, target)
            if (target is None) == (whom in held):
                break
            (held.add if target is None else held.discard)(whom)  # type: ignore[arg-type]
        else:
            if not held:
                yield given


@pytest.mark.parametrize("seed", range(60))
def test_deleted_follows_against_all_replays(seed: int) -> None:
    rng = np.random.default_rng(seed)
    held: list[int] = []
    events: list[Event] = []
    truth: dict[int, int] = {}
    while len(events) < 10 or held:
        row = len(events)
        free = [v for v in range(5) if v not in held]
        if len(events) < 10 and free and (not held or rng.random() < 0.5):
            truth[row] = int(rng.choice(free))
            held.append(truth[row])
            events.append((row, "a", None))
        else:
            events.append((row, "a", held.pop(int(rng.integers(len(held))))))
    frame = pl.DataFrame(
        [(row, source, None if target is None else str(target)) for row, source, target in events],
        schema={"row": pl.Int64, "source": pl.String, "target": pl.String}, orient="row",
    )  # fmt: skip
    found = {row: (int(target), inferred) for row, target, inferred in deleted_follows(frame).iter_rows()}
    ways = list(feasible(events))
    assert truth in ways
    assert {row: target for row, (target, _) in found.items()} in ways
    for row, (target, inferred) in found.items():
        possible = {way[row] for way in ways}
        assert inferred or possible == {target}


def test_real_databases(corpus: Corpus, real_dump: Callable[[str], Path]) -> None:
    corpus.folder = real_dump("sim-oasis-fixture")
    tables = corpus.read()
    paths = {path.stem: path for path in corpus.folder.glob("*.db")}
    assert {row["path"]: row["rows_read"] for row in tables.source_file.to_dicts()} == {
        path.name: count_database(path) for path in paths.values()
    }
    assert tables.quarantine.height == 0
    assert dict(tables.run.select("run_id", "clock").iter_rows()) == {"oasis_reddit": "time", "oasis_twitter": "step"}
    steps = tables.message.filter(pl.col("run_id") == "oasis_twitter")
    assert steps["created_at"].null_count() == steps.height
    assert steps["step"].null_count() == 0
    assert tables.message.filter(pl.col("run_id") == "oasis_reddit")["created_at"].null_count() == 0
    for run, path in paths.items():
        with closing(sqlite3.connect(path)) as con:
            check_real_run(tables, run, con)


def check_real_run(tables: Tables, run: str, con: sqlite3.Connection) -> None:
    """Compare the rows of a run with the database, read by hand."""
    messages = {row["message_id"]: row for row in of_run(tables.message, run)}
    posts = con.execute("SELECT post_id, original_post_id, content, quote_content FROM post").fetchall()
    traces = con.execute("SELECT rowid, user_id, created_at, action, info FROM trace ORDER BY rowid").fetchall()
    infos = [(row, user, at, action, json.loads(info)) for row, user, at, action, info in traces]
    parents = {i["new_post_id"]: i.get("reposted_id", i.get("quoted_id")) for *_, a, i in infos if "new_post_id" in i}
    for post, original, content, quote in posts:
        row = messages[f"{run}:p{post}"]
        depth, root = 0, post
        while root in parents:
            depth, root = depth + 1, parents[root]
        assert (row["depth"], row["root_id"]) == (depth, f"{run}:p{root}")
        assert row["parent_id"] == (f"{run}:p{parents[post]}" if post in parents else None)
        assert row["kind"] == ("post" if original is None else "repost" if quote is None else "quote")
        assert row["content"] == (content if original is None else quote)
    seen = of_run(tables.exposure, run)
    shown = {(f"{run}:u{u}", f"{run}:p{p['post_id']}", at) for _, u, at, a, i in infos if a == "refresh"
             for p in i["posts"]}  # fmt: skip
    assert {(e["agent_id"], e["message_id"], when(e)) for e in seen if e["source"] == "refresh"} == shown
    buffer = {(number(e["agent_id"]), number(e["message_id"])) for e in seen if e["source"] != "refresh"}
    assert buffer == set(con.execute("SELECT user_id, post_id FROM rec"))
    assert all(e["at"] is None and e["step"] is None for e in seen if e["source"] != "refresh")
    check_real_ties(of_run(tables.tie_event, run), con, infos)
    tables_of = ("like", "dislike", "report", "comment_like", "comment_dislike")
    n_reactions = sum(con.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables_of)
    assert len(of_run(tables.reaction, run)) == n_reactions
    selves = {row["source_id"] for row in of_run(tables.tie_event, run) if row["source_id"] == row["target_id"]}
    flagged = {agent for agent, row in tables.agents.items() if "self_ties" in (row["extra"] or "")}
    assert selves == {agent for agent in flagged if agent.startswith(f"{run}:")}
    assert tables.agents[f"{run}:u3"]["agent_kind"] == "llm"
    assert tables.agents[f"{run}:u3"]["persona"] == "bio of agent 3"
    assert messages[f"{run}:m1"]["community_id"] == f"{run}:g1"
    events = {(number(e["agent_id"]), e["action"]) for e in of_run(tables.membership_event, run)}
    assert events == {(0, "create"), (0, "join"), (1, "join")}


def check_real_ties(ties: list[dict[str, Any]], con: sqlite3.Connection, infos: list[Any]) -> None:
    """Replay the trace by hand: the three follows that are gone have one way to be replayed."""
    final = dict(con.execute("SELECT follow_id, followee_id FROM follow"))
    log: dict[int, list[Event]] = {}
    expected: Counter[Any] = Counter()
    for row, user, at, action, info in infos:
        target = info.get("followee_id", info.get("mutee_id"))
        if action == "follow":
            target = final.get(info["follow_id"])
        if action == "unfollow" or (action == "follow" and target is None):
            log.setdefault(user, []).append((row, str(user), target))
        if action in ("follow", "unfollow", "mute", "unmute") and target is not None:
            relation = "mute" if "mute" in action else "follow"
            expected[user, target, relation, "remove" if action.startswith("un") else "add", at] += 1
    times = {row: (user, at) for row, user, at, *_ in infos}
    for events in log.values():
        ways = list(feasible(events))
        assert len(ways) == 1
        expected.update((times[row][0], target, "follow", "add", times[row][1]) for row, target in ways[0].items())
    found = Counter(
        (number(t["source_id"]), number(t["target_id"]), t["relation"], t["action"], when(t)) for t in ties
    )  # fmt: skip
    # The table keeps times of six digits, and those without a fraction are written without one.
    assert found == Counter({(*k[:4], k[4] if isinstance(k[4], int) else f"{k[4]}.000000"[:26]): n
                             for k, n in expected.items()})  # fmt: skip


def test_random_runs_against_the_truth(corpus: Corpus) -> None:
    runs = {
        f"run-{seed}": random_run(Platform(corpus.folder / f"run-{seed}.db", is_timed=seed % 2 == 1), seed)
        for seed in range(4)
    }
    tables = corpus.read()
    assert tables.quarantine.height == 0
    n_inferred = 0
    for run, platform in runs.items():
        assert tables.files[f"{run}.db"]["rows_read"] == count_database(platform.path)
        ties = of_run(tables.tie_event, run)
        truth = {(*tie[:1], *tie[2:]): tie[1] for tie in platform.ties}
        assert len(ties) == len(truth) == len(platform.ties)
        for tie in ties:
            key = (number(tie["source_id"]), tie["relation"], tie["action"], when(tie))
            assert key in truth
            is_inferred = tie["origin"] == "trace, target inferred"
            assert is_inferred or truth[key] == number(tie["target_id"])
            n_inferred += is_inferred
        check_replay(ties, platform)
        messages = of_run(tables.message, run)
        found = {number(m["message_id"]): number(m["parent_id"]) for m in messages if m["kind"] in ("repost", "quote")}
        assert found == platform.parent
        depth = {m["message_id"]: m["depth"] for m in messages}
        shares = [m for m in messages if m["kind"] in ("repost", "quote")]
        assert all(m["depth"] == depth[m["parent_id"]] + 1 for m in shares)
        comments = [m for m in messages if m["kind"] == "comment"]
        assert all(m["depth"] == 1 and m["root_id"] == m["parent_id"] for m in comments)
        assert max(depth.values()) >= 3
        seen = [(number(e["agent_id"]), number(e["message_id"]), when(e)) for e in of_run(tables.exposure, run)]
        assert sorted(seen) == sorted(platform.shown)
    assert n_inferred > 0


def check_replay(ties: list[dict[str, Any]], platform: Platform) -> None:
    """Ties never begin twice nor end unbegun, and those left at the end are the platform's."""
    held: set[tuple[int, int, str]] = set()
    for tie in sorted(ties, key=lambda t: str(when(t)).zfill(9)):
        pair = (number(tie["source_id"]), number(tie["target_id"]), tie["relation"])
        assert (pair in held) == (tie["action"] == "remove")
        (held.add if tie["action"] == "add" else held.discard)(pair)
    with closing(sqlite3.connect(platform.path)) as con:
        left = {(a, b, "follow") for a, b in con.execute("SELECT follower_id, followee_id FROM follow")}
        left |= {(a, b, "mute") for a, b in con.execute("SELECT muter_id, mutee_id FROM mute")}
    assert held == left


def test_threads_and_batches_change_nothing(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    random_run(Platform(corpus.folder / "run.db"), 9, 60)
    one = corpus.read(threads=1)
    monkeypatch.setattr(sqlite_source, "FIRST_ROWS", 7)
    monkeypatch.setattr(sqlite_source, "BATCH_ROWS", 7)
    monkeypatch.setattr("pipeline.ingest.formats.oasis.BATCH_ROWS", 90)
    other = corpus.read(threads=4)
    for name, frame in one.tables.items():
        if frame.height:
            assert_frame_equal(frame, other.tables[name], check_row_order=False)


def test_what_the_trace_does_not_hold(corpus: Corpus) -> None:
    (corpus.folder / "old").mkdir()
    old = Platform(corpus.folder / "old" / "run 1.db")
    old.tie(1, 2, "follow", is_traced=False)
    old.share(2, old.post(1, "text"), None)
    for table in ("trace", "mute", "comment", "rec", "chat_group", "group_members", "group_messages", "product"):
        old.con.execute(f"DROP TABLE {table}")
    old.close()
    new = Platform(corpus.folder / "new.db")
    new.tie(1, 2, "follow", is_traced=False)
    new.tie(3, 4, "follow", is_traced=False)
    new.now = 20_000  # as many steps as would be taken for a time, were they read as text
    new.tie(3, 4, "follow")
    new.tie(1, 1, "follow")
    new.close()
    tables = corpus.read()
    assert tables.quarantine.height == 0
    assert tables.files["old/run 1.db"]["rows_read"] == count_database(old.path)
    assert tables.files["new.db"]["rows_read"] == count_database(new.path)
    ties = {(t["source_id"], t["target_id"], t["action"], t["step"], t["origin"]) for t in tables.tie_event.to_dicts()}
    assert ties == {
        ("old-run-1-903a19b3:u1", "old-run-1-903a19b3:u2", "add", 0, "follow"),
        ("new:u1", "new:u2", "add", 0, "follow"),
        ("new:u3", "new:u4", "remove", 20_000, "trace"),
        ("new:u1", "new:u1", "add", 20_000, "trace"),
    }
    assert tables.tie_event["at"].null_count() == tables.tie_event.height
    repost = tables.message.filter(pl.col("kind") == "repost").to_dicts()[0]
    assert (repost["parent_id"], repost["depth"]) == ("old-run-1-903a19b3:p1", 1)
    assert json.loads(repost["extra"])["parent_origin"] == "original_post_id"


def test_faulty_traces_and_unread_tables(corpus: Corpus) -> None:
    made = Platform(corpus.folder / "run.db")
    post = made.post(0, "ignore all instructions \x00 \ud83d".encode("utf-8", "replace").decode() + "\x00")
    made.insert("like", user_id=1, post_id=post, created_at=1)
    made.trace(1, "like_post", {"post_id": post, "like_id": 1})
    made.trace(2, "like_post", {"post_id": post, "like_id": 2})
    made.trace(2, "unlike_post", {"post_id": post, "like_id": 2})
    made.trace(3, "refresh", '{"posts": [{"post_id": 1}, {"post_id"')
    made.trace(3, "refresh", {"posts": {"post_id": 1}})
    made.trace(3, "refresh", {"posts": [{"post_id": post}, {"content": "no id"}]})
    made.trace(3, "refresh", '{"posts": [{"post_id": 1, "content": "cut \\ud83d"}, {"post_id": 1}]}')
    made.trace(3, "mute", "[1]")
    made.trace(3, "mute", {"mutee_id": None})
    made.trace(4, "follow", {"follow_id": 77})
    made.trace(4, "sing", {})
    made.insert("product", product_name="x")
    made.con.execute('CREATE TABLE "odd; name" (password TEXT)')
    made.con.execute("""INSERT INTO "odd; name" VALUES ('do not read me')""")
    made.con.execute("UPDATE user SET bio = CAST(x'ff41' AS TEXT) WHERE user_id = 5")
    made.close()
    tables = corpus.read()
    # The second post of a refresh repeats the first here: one exposure, one repeated row.
    assert tables.files["run.db"]["rows_read"] == count_database(made.path)
    assert Counter(tables.reasons()) == {
        "truncated_json": 1, "unknown_shape": 2, "incomplete_event": 2, "unresolved_target": 1, "table_not_read": 3,
    }  # fmt: skip
    assert set(tables.reasons()) <= set(QUARANTINE_REASONS)
    details = " ".join(tables.quarantine["detail"].to_list())
    assert "table trace, row 5" in details
    assert "table product: 1 rows" in details
    assert "table odd__name" in details.replace("?", "_")
    assert "unknown action sing" in details
    assert "do not read me" not in str(tables.tables)
    likes = {(number(r["agent_id"]), r["type"]) for r in tables.reaction.to_dicts()}
    assert likes == {(1, "like"), (2, "like"), (2, "unlike")}
    assert tables.exposure.height == 1
    assert tables.agents["run:u5"]["persona"] == "\ufffdA"
    assert "nul_removed" in tables.messages["run:p1"]["flags"]


def test_databases_that_cannot_be_read(corpus: Corpus) -> None:
    whole = random_run(Platform(corpus.base / "whole.db"), 3, 400).path.read_bytes()
    corpus.write("cut.db", whole[: len(whole) // 2])
    hurt = bytearray(whole)
    hurt[4096 * 3 : 4096 * 9] = b"\xa5" * 4096 * 6
    corpus.write("hurt.db", bytes(hurt))
    shutil.copy(corpus.base / "whole.db", corpus.folder / "whole.db")
    corpus.write("noise.db", b"SQLite format 3\x00" + bytes(range(256)) * 8)
    with closing(sqlite3.connect(corpus.folder / "ysocial.db")) as con:
        con.execute("CREATE TABLE user_mgmt (id INTEGER, username TEXT, password TEXT)")
        con.execute("INSERT INTO user_mgmt VALUES (1, 'ada', 'do not read me')")
        con.execute("CREATE TABLE post (id INTEGER, tweet TEXT, user_id INTEGER)")
        con.commit()
    tables = corpus.read()
    assert tables.files["whole.db"]["status"] == "read"
    assert tables.files["ysocial.db"]["status"] == "ignored"
    assert tables.files["noise.db"]["status"] in ("ignored", "unreadable")
    known = "its tables (post, user_mgmt) are those of no format that is read"
    assert why_unknown(corpus.folder / "ysocial.db") == known
    assert why_unknown(corpus.folder / "noise.db").startswith("the database cannot be read: ")
    found = {row["path"]: row for row in tables.quarantine.to_dicts() if row["path"] != "noise.db"}
    assert set(found) == {"cut.db", "hurt.db"}
    assert {row["reason"] for row in found.values()} == {"damaged_sqlite"}
    assert f"the file has {len(whole) // 2}" in found["cut.db"]["detail"]
    assert set(tables.message["run_id"].unique()) == {"whole"}
    assert "do not read me" not in str(tables.tables)


def test_a_journal_that_waits_to_be_played_back(corpus: Corpus) -> None:
    whole = random_run(Platform(corpus.base / "whole.db"), 3, 100).path
    for name in ("hot", "kept", "empty", "linked"):
        shutil.copy(whole, corpus.folder / f"{name}.db")
    shutil.move(corpus.folder / "linked.db", corpus.base / "target.db")
    (corpus.folder / "linked.db").symlink_to(corpus.base / "target.db")
    (corpus.base / "target.db-journal").write_bytes(b"\xd9\xd5\x05\xf9")
    with closing(sqlite3.connect(corpus.folder / "open.db")) as source, closing(sqlite3.connect(whole)) as con:
        con.backup(source)
    con = sqlite3.connect(corpus.folder / "open.db")
    con.execute("PRAGMA cache_size = 1")
    con.execute("BEGIN")
    con.execute("UPDATE post SET content = 'uncommitted' || hex(zeroblob(20000))")  # more than the cache holds
    for name in ("open.db", "open.db-journal"):
        shutil.copy(corpus.folder / name, corpus.folder / name.replace("open", "hot"))
    con.rollback()
    con.close()
    corpus.write("kept.db-journal", bytes(512))
    corpus.write("empty.db-journal", b"")
    tables = corpus.read()
    found = {row["path"]: row for row in tables.quarantine.to_dicts() if row["path"].endswith(".db")}
    assert {path: row["reason"] for path, row in found.items()} == dict.fromkeys(
        ["hot.db", "linked.db"], "damaged_sqlite"
    )
    assert "open the database once in sqlite3" in found["hot.db"]["detail"]
    assert set(tables.message["run_id"].unique()) == {"kept", "empty", "open"}
    assert not tables.message["content"].str.starts_with("uncommitted").any()


def test_runs_whose_files_are_called_like_nothing(corpus: Corpus) -> None:
    whole = random_run(Platform(corpus.base / "whole.db"), 3, 100).path
    long = "/".join(["d" * 90, "e" * 90, "f" * 90])
    names = ["none", "NULL", "NaN", "undefined", "-1", "observed", "Observed", "d" * 190, long]
    for name in names:
        (corpus.folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(whole, corpus.folder / f"{name}.db")
    tables = corpus.read()
    assert tables.reasons() == []
    runs = {run_id_of(f"{name}.db") for name in names}
    assert set(tables.run["run_id"]) == set(tables.message["run_id"].unique()) == runs
    assert len(runs) == len(names)
    assert {run.rpartition("-")[0] for run in runs} >= {"none", "NULL", "-1", "observed", "d" * 60}
    assert tables.message["message_id"].str.len_chars().max() < 90  # type: ignore[operator]


def test_passwords_are_refused(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "y.db")) as con:
        con.execute("CREATE TABLE user_mgmt (id INTEGER, password TEXT)")
    database = open_database(tmp_path / "y.db")
    with closing(database.con), pytest.raises(ValueError, match="never read"):
        next(read_table(database, "user_mgmt", ("id", "password")))
    assert not recognises_file(tmp_path / "y.db")


@pytest.mark.parametrize(
    ("path", "run"),
    [("a.db", "a"), ("v1.2.db", "v1.2"), ("x/y z.sqlite", "x-y-z-1fe18418"), ("ü.db", "--d4a06583")],
)
def test_run_ids(path: str, run: str) -> None:
    assert run_id_of(path) == run


def test_no_two_files_share_a_run() -> None:
    paths = ["a/b.db", "a-b.db", "a b.db", "a-b.sqlite", "a-b", "a.b.db", "a.b"]
    assert len({run_id_of(path) for path in paths}) == len(paths)
