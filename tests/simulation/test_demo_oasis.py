"""The demo runs of a simulator, read back with sqlite3, json and networkx alone: what is planted is in the files."""

from __future__ import annotations

import hashlib
import json
import math
import sqlite3
import time
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from test_planted_labels import airs_hits

from pipeline.simulation import Oasis, OasisTruth, generate_oasis, pools, write_demo_oasis, write_demos
from pipeline.simulation.demo import DEMOS

SMALL = OasisTruth(n_runs=2, n_agents=20, n_steps=8, actions_per_step=15.0)
FOUR_SIGMA = 4.0  # one false alarm in 16,000 for a fixed seed that somebody changes
BOTH_DEMOS_SECONDS = 10.0  # of processor time: `make demo` has four minutes for everything
TABLES = {
    "user", "post", "comment", "like", "dislike", "comment_like", "comment_dislike", "follow", "mute", "report",
    "trace", "rec", "product", "chat_group", "group_members", "group_messages",
}  # fmt: skip
ACTIONS = {
    "sign_up", "create_post", "like_post", "unlike_post", "dislike_post", "report_post", "follow", "unfollow", "mute",
    "unmute", "repost", "quote_post", "create_comment", "like_comment", "dislike_comment", "refresh", "do_nothing",
}  # fmt: skip

Json = dict[str, Any]


class Run:
    """One database."""

    def __init__(self, path: Path) -> None:
        self.con = sqlite3.connect(f"file:{path}?mode=ro", uri=True)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        return self.con.execute(query).fetchall()

    def one(self, query: str) -> Any:
        return self.rows(query)[0][0]

    def infos(self, *actions: str) -> Iterator[tuple[int, Any, Json]]:
        for user, at, action, info in self.rows("SELECT user_id, created_at, action, info FROM trace ORDER BY rowid"):
            if action in actions:
                yield user, at, json.loads(info)

    def cascades(self) -> nx.DiGraph:
        graph = nx.DiGraph()
        for _, _, info in self.infos("repost", "quote_post"):
            graph.add_edge(info.get("reposted_id", info.get("quoted_id")), info["new_post_id"])
        return graph

    def texts(self) -> list[str]:
        written = "SELECT CASE WHEN original_post_id IS NULL THEN content ELSE quote_content END FROM post"
        return [text for (text,) in self.rows(f"{written} UNION ALL SELECT content FROM comment") if text is not None]


@pytest.fixture(scope="module")
def corpus() -> Oasis:
    return generate_oasis(OasisTruth())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "demo-oasis"
    assert write_demo_oasis(folder)
    return folder


@pytest.fixture(scope="module")
def runs(folder: Path) -> list[Run]:
    return [Run(folder / f"run-{number}.db") for number in (1, 2, 3)]


def digests(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_schema_is_that_of_oasis(folder: Path, runs: list[Run]) -> None:
    assert {path.name for path in folder.iterdir()} == {"run-1.db", "run-2.db", "run-3.db", "corpus.toml", ".demo"}
    card = tomllib.loads((folder / "corpus.toml").read_text(encoding="utf-8"))
    assert (card["kind"], card["licence"]) == ("simulation", "CC0-1.0")
    for run in runs:
        assert run.one("PRAGMA integrity_check") == "ok"
        names = {name for (name,) in run.rows("SELECT name FROM sqlite_master WHERE type = 'table'")}
        assert names - {"sqlite_sequence"} == TABLES
        key = [name for _, name, _, _, _, place in run.rows("PRAGMA table_info(trace)") if place]
        assert key == ["user_id", "created_at", "action", "info"]
        assert {action for (action,) in run.rows("SELECT DISTINCT action FROM trace")} == ACTIONS
        assert run.rows("SELECT min(user_id), max(user_id), count(*) FROM user") == [(0, 79, 80)]


def test_two_runs_count_steps_and_one_shows_times(runs: list[Run]) -> None:
    for number, run in enumerate(runs):
        for table in ("user", "post", "comment", '"like"', "follow", "mute", "report", "trace"):
            kinds = {kind for (kind,) in run.rows(f"SELECT DISTINCT typeof(created_at) FROM {table}")}
            assert kinds == {"text" if number == 2 else "integer"}
    assert runs[0].rows("SELECT min(created_at), max(created_at) FROM trace") == [(0, 39)]
    assert runs[2].one("SELECT min(created_at) FROM trace") == "2026-02-01 08:00:00.574000"
    for table in ("post", "comment"):
        times = [at for (at,) in runs[2].rows(f"SELECT created_at FROM {table} ORDER BY {table}_id")]
        assert times == sorted(times)


def test_ties_are_what_was_realised(runs: list[Run], corpus: Oasis) -> None:
    for run, made in zip(runs, corpus.runs, strict=True):
        done = Counter(action for (action,) in run.rows("SELECT action FROM trace"))
        real = made.realised
        assert (done["follow"], done["unfollow"]) == (real.n_follows, real.n_unfollows)
        assert real.n_unfollows > 0
        assert real.n_ties_end == real.n_follows - real.n_unfollows == run.one("SELECT count(*) FROM follow")
        assert run.one("SELECT count(*) FROM mute") == done["mute"] - done["unmute"]
        assert (done["mute"], done["unmute"]) == (real.n_mutes, real.n_unmutes)
        graph = nx.DiGraph(run.rows("SELECT follower_id, followee_id FROM follow"))
        assert nx.number_of_selfloops(graph) == 0
        for user, into, out in run.rows("SELECT user_id, num_followers, num_followings FROM user"):
            assert (into, out) == ((graph.in_degree(user), graph.out_degree(user)) if user in graph else (0, 0))


def test_an_unfollow_ends_a_tie_and_leaves_only_its_trace(runs: list[Run]) -> None:
    for run in runs:
        kept = {row_id for (row_id,) in run.rows("SELECT follow_id FROM follow")}
        state: dict[tuple[int, int], int] = Counter()
        made = [(user, info["follow_id"]) for user, _, info in run.infos("follow")]
        assert kept < {row_id for _, row_id in made}
        assert len(made) - len(kept) == len(list(run.infos("unfollow")))
        for user, _, info in run.infos("unfollow"):
            state[user, info["followee_id"]] += 1
        # For every agent as many follows without a row as unfollows: that is all that can be rebuilt from.
        lost = Counter(user for user, row_id in made if row_id not in kept)
        assert lost == Counter(user for user, _ in state.elements())


def test_cascades_have_their_depth_in_the_trace_only(runs: list[Run], corpus: Oasis) -> None:
    shares = deep = 0
    for run, made in zip(runs, corpus.runs, strict=True):
        graph = run.cascades()
        assert nx.is_forest(graph.to_undirected())
        depth: dict[int, int] = {}
        root_of: dict[int, int] = {}
        for root in (post for post, into in graph.in_degree() if into == 0):
            for post, distance in nx.single_source_shortest_path_length(graph, root).items():
                depth[post], root_of[post] = distance, root
        found = Counter(distance for distance in depth.values() if distance)
        assert tuple(found[d] for d in range(1, max(found) + 1)) == made.realised.depths
        assert len(made.realised.depths) >= 3
        stored = dict(run.rows("SELECT post_id, original_post_id FROM post WHERE original_post_id IS NOT NULL"))
        assert stored == {post: root_of[post] for post, distance in depth.items() if distance}
        assert not set(stored.values()) & stored.keys()
        shares += len(stored)
        deep += len(stored) - found[1]
    share = corpus.truth.share_of_share
    assert abs(deep / shares - share) < FOUR_SIGMA * math.sqrt(share * (1 - share) / shares)


def test_messages_are_what_was_realised(runs: list[Run], corpus: Oasis) -> None:
    for run, made in zip(runs, corpus.runs, strict=True):
        real = made.realised
        kinds = dict(
            run.rows(
                "SELECT CASE WHEN original_post_id IS NULL THEN 'post' WHEN quote_content IS NULL THEN 'repost' "
                "ELSE 'quote' END, count(*) FROM post GROUP BY 1"
            )
        )
        assert kinds == {"post": real.n_posts, "repost": real.n_reposts, "quote": real.n_quotes}
        assert run.one("SELECT count(*) FROM comment") == real.n_comments
        reposted = "original_post_id IS NOT NULL AND quote_content IS NULL"
        assert run.rows(f"SELECT DISTINCT content FROM post WHERE {reposted}") == [("",)]
        copied = "SELECT count(*) FROM post p JOIN post r ON p.original_post_id = r.post_id WHERE p.content = r.content"
        assert run.one(f"{copied} AND p.quote_content IS NOT NULL") == real.n_quotes
        created = {info["post_id"]: info["content"] for _, _, info in run.infos("create_post")}
        assert created == dict(run.rows("SELECT post_id, content FROM post WHERE original_post_id IS NULL"))
        texts = run.texts()
        assert len(texts) == real.n_texts
        assert sum(bool(airs_hits("\n" + text)) for text in texts) == real.n_airs
        copies = Counter(texts)
        assert sum(n for n in copies.values() if n > 1) == real.n_duplicate_texts


def test_shares_of_texts_are_the_planted_ones(runs: list[Run], corpus: Oasis) -> None:
    texts = [text for run in runs for text in run.texts()]
    templates = {text for _, text, *_ in pools.TEMPLATES}
    for found, share in (
        (sum(text in templates for text in texts), corpus.truth.duplicate_share),
        (sum(bool(airs_hits("\n" + text)) for text in texts), corpus.truth.airs_share),
    ):
        assert abs(found / len(texts) - share) < FOUR_SIGMA * math.sqrt(share * (1 - share) / len(texts))


def gini_by_differences(counts: list[int]) -> float:
    values = np.array(counts, dtype=float)
    return float(np.abs(values[:, None] - values[None, :]).mean() / (2 * values.mean()))


def test_concentration_of_activity_is_planted(runs: list[Run], corpus: Oasis) -> None:
    for run, made in zip(runs, corpus.runs, strict=True):
        authors = Counter(
            user for (user,) in run.rows("SELECT user_id FROM post UNION ALL SELECT user_id FROM comment")
        )
        found = gini_by_differences([authors[user] for user in range(80)])
        assert found == pytest.approx(made.realised.activity_gini, abs=1e-12)  # one number by two formulas
    alike = generate_oasis(OasisTruth(n_runs=1, activity_exponent=1e6))
    unequal = generate_oasis(OasisTruth(n_runs=1, activity_exponent=1.8))
    ginis = [runs[0].realised.activity_gini for runs in (alike.runs, corpus.runs, unequal.runs)]
    assert ginis == sorted(ginis)
    assert ginis[0] < 0.25 < ginis[1] < 0.5 < ginis[2]  # equal rates leave Poisson noise: about 1/sqrt(pi 12) = .16


def test_refreshes_are_the_log_of_exposure(runs: list[Run], corpus: Oasis) -> None:
    for run, made in zip(runs, corpus.runs, strict=True):
        written = dict(run.rows("SELECT post_id, created_at FROM post"))
        shown = [(at, post) for _, at, info in run.infos("refresh") for post in info["posts"]]
        assert len(shown) == made.realised.n_exposures
        assert all(post["created_at"] == written[post["post_id"]] <= at for at, post in shown)
        moments = run.rows("SELECT count(*), count(DISTINCT user_id || '/' || created_at) FROM trace "
                           "WHERE action = 'refresh'")  # fmt: skip
        assert moments[0][0] == moments[0][1]


def test_counters_equal_the_rows(runs: list[Run], corpus: Oasis) -> None:
    for run, made in zip(runs, corpus.runs, strict=True):
        likes = run.one('SELECT (SELECT count(*) FROM "like") + (SELECT count(*) FROM comment_like)')
        assert likes == made.realised.n_likes - made.realised.n_unlikes
        assert made.realised.n_unlikes > 0
        dislikes = "SELECT (SELECT count(*) FROM dislike) + (SELECT count(*) FROM comment_dislike)"
        assert run.one(dislikes) == made.realised.n_dislikes
        for counter, counted in (("num_likes", '"like"'), ("num_dislikes", "dislike"), ("num_reports", "report")):
            wrong = f"(SELECT count(*) FROM {counted} AS l WHERE l.post_id = p.post_id) <> p.{counter}"
            assert run.one(f"SELECT count(*) FROM post AS p WHERE {wrong}") == 0
        shares = "(SELECT count(*) FROM post AS s WHERE s.original_post_id = p.post_id) <> p.num_shares"
        assert run.one(f"SELECT count(*) FROM post AS p WHERE {shares}") == 0


def test_hostile_texts_and_odd_handles_are_there(runs: list[Run]) -> None:
    for run in runs:
        texts = run.texts()
        bios = [bio for (bio,) in run.rows("SELECT bio FROM user")]
        assert all(any(text.endswith(payload) for text in texts) for _, payload in pools.HOSTILE)
        assert {payload for _, payload in pools.HOSTILE} <= set(bios)
        assert set(pools.ODD_HANDLES) <= {name for (name,) in run.rows("SELECT user_name FROM user")}


def test_equal_truths_give_equal_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert write_demo_oasis(tmp_path / name, SMALL)
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert not write_demo_oasis(tmp_path / "one", SMALL)
    write_demo_oasis(tmp_path / "two", OasisTruth(n_runs=2, n_agents=20, n_steps=8, actions_per_step=15.0, seed=1))
    assert digests(tmp_path / "one")["run-1.db"] != digests(tmp_path / "two")["run-1.db"]


def test_nothing_in_the_header_depends_on_the_machine(folder: Path) -> None:
    """Page size, change counter, vacuum mode, and the library's version number, which only informs."""
    for number in (1, 2, 3):
        head = (folder / f"run-{number}.db").read_bytes()[:100]
        fields = {place: int.from_bytes(head[place : place + 4], "big") for place in (24, 52, 64, 92, 96)}
        assert int.from_bytes(head[16:18], "big") == 4096
        assert fields == {24: 1, 52: 0, 64: 0, 92: 1, 96: 3_040_000}


def test_foreign_files_are_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine.db").write_bytes(b"")
    with pytest.raises(FileExistsError, match="did not write"):
        write_demo_oasis(tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.db"]


@pytest.mark.parametrize("changes", [{"post_share": 0.9}, {"share_of_share": 2.0}, {"n_text_time_runs": 4}])
def test_impossible_truths_are_refused(changes: Json) -> None:
    with pytest.raises(ValueError, match="OasisTruth"):
        OasisTruth(**changes)


def test_the_new_demos_are_written_fast_and_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert list(DEMOS) == ["demo-moltbook", "demo-chirper", "demo-oasis"]
    monkeypatch.setitem(DEMOS, "demo-moltbook", lambda _: False)  # has a test of its own
    started = time.process_time()
    assert write_demos(tmp_path) == {"demo-moltbook": False, "demo-chirper": True, "demo-oasis": True}
    assert time.process_time() - started < BOTH_DEMOS_SECONDS
    assert not any(write_demos(tmp_path).values())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo-chirper", "demo-oasis"]
