"""Archives that are tables: MoltNet, TrustAIRLab, AIcell, lnajt, PaDaS-Lab, AlanChen75, ronantakizawa, moltan."""

from __future__ import annotations

import json
from datetime import datetime

import archive_thread as th
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ingest_helpers import Corpus
from test_ingest_archive_bodies import check_thread, read

LABEL = ["target_kind", "target_id", "scheme", "value", "origin"]


def test_moltnet(corpus: Corpus) -> None:
    tables = read(corpus, "moltnet")
    check_thread(tables)
    assert tables.account() == (21, 8, 6, 6, 1)
    history = tables.message_snapshot.filter(pl.col("message_id") == th.POST).sort("observed_at")
    later = history.filter(pl.col("observed_at") >= datetime(2026, 1, 31))
    assert later.select("observed_at", "upvotes").unique(maintain_order=True).rows() == [
        (datetime(2026, 1, 31, 8), 1), (datetime(2026, 2, 3, 8), 3), (datetime(2026, 2, 28), 3),
    ]  # fmt: skip
    assert later["text_hash"].null_count() == 4  # an entry of a history says nothing of the text
    karma = tables.agent_snapshot.filter((pl.col("agent_id") == th.AUTHOR) & pl.col("karma").is_not_null())
    assert karma.sort("observed_at")["karma"].to_list() == [3, 12, 30]
    states = tables.agent_snapshot.filter(pl.col("agent_id") == th.AUTHOR)
    assert set(states["persona"].drop_nulls()) == {"Shy", "Direct"}
    agent = tables.agents[th.AUTHOR]
    assert (agent["karma"], agent["owner_handle"], agent["owner_bio"], agent["owner_followers"]) == (
        30, "rob", "Kata", 124,
    )  # fmt: skip
    assert agent["extra"] is None  # no history is left behind
    subscribers = tables.community_snapshot.sort("observed_at")
    assert subscribers.select("community_id", "subscribers").rows() == [("general", 12), ("general", 38)]
    assert tables.quarantine["detail"].str.contains("description_history has no time").to_list() == [True]
    assert tables.label.select(LABEL).sort("scheme").rows() == [
        ("message", th.POST, "trustairlab_topic", "A", "TrustAIRLab/Moltbook"),
        ("message", th.POST, "trustairlab_toxicity", "0", "TrustAIRLab/Moltbook"),
    ]


def test_trustairlab(corpus: Corpus) -> None:
    tables = read(corpus, "trustairlab")
    assert tables.account() == (6, 6, 0, 0, 0)
    post = tables.messages[th.POST]
    assert (post["agent_id"], post["community_id"], post["upvotes"], post["at_precision"]) == (None, "general", 3, "us")
    assert post["extra"] is None
    assert tables.label.select("target_id", "scheme", "value").sort(pl.all()).rows() == [
        (th.POST, "trustairlab_topic", "A"), (th.POST, "trustairlab_toxicity", "0"),
        ("p-two-00000", "trustairlab_toxicity", "2"),
    ]  # fmt: skip
    assert tables.communities["general"]["title"] == "General"
    assert (tables.agent.height, tables.run["run_id"].to_list()) == (0, ["observed"])


def test_labels_of_an_erased_message_go_with_it(corpus: Corpus) -> None:
    before = read(corpus, "trustairlab")
    (corpus.base / "erase.toml").write_text(f'messages = ["{th.POST}"]', encoding="utf-8")
    after = corpus.read()
    assert after.label.rows() == [row for row in before.label.rows() if th.POST not in row]
    assert sorted(after.messages) == ["p-two-00000"]
    assert after.reasons() == ["erased"] * 3
    assert after.account()[0] == before.account()[0]


def test_aicell(corpus: Corpus) -> None:
    tables = read(corpus, "aicell")
    check_thread(tables)
    assert tables.account() == (9, 5, 1, 3, 0)
    post = tables.messages[th.POST]
    assert post["claimed_comment_count"] == 5  # of the raw body; the column of the table counts top-level comments
    assert '"top_level_comment_count":2' in post["extra"]
    other = tables.messages["p-two-00000"]
    assert (other["agent_id"], other["community_id"], other["claimed_comment_count"]) == (None, None, None)
    assert (tables.agents[th.THIRD]["karma"], tables.agents[th.THIRD]["followers"]) == (24, 9)
    assert tables.communities["general"]["title"] == "General"


def test_lnajt(corpus: Corpus) -> None:
    tables = read(corpus, "lnajt")
    check_thread(tables)
    assert tables.account() == (4, 4, 0, 0, 0)
    post = tables.messages[th.POST]
    assert (post["content"], post["agent_id"], post["upvotes"], post["downvotes"]) == (th.TEXT, th.AUTHOR, 3, None)
    assert tables.agents[th.AUTHOR]["name"] == "Claw_One"


def test_padas(corpus: Corpus) -> None:
    tables = read(corpus, "padas")
    check_thread(tables)
    assert tables.account() == (12, 10, 2, 0, 0)
    assert tables.community_snapshot.sort("observed_at")["subscribers"].to_list() == [38, 40]
    assert tables.agents[th.AUTHOR]["owner_name"] == "Robert"
    assert tables.label.select("target_id", "scheme", "value").sort(pl.all()).rows() == [
        (th.POST, "padas_category", "A"), (th.POST, "padas_toxicity", "0"), (th.REPLY, "padas_category", "C"),
        (th.REPLY, "padas_toxicity", "1"),
    ]  # fmt: skip


def test_alanchen(corpus: Corpus) -> None:
    tables = read(corpus, "alanchen")
    assert tables.account() == (5, 5, 0, 0, 0)
    agent, human = tables.messages["p1"], tables.messages["p2"]
    assert (agent["created_at"], agent["at_precision"]) == (datetime(2026, 2, 3), "day")
    assert (agent["community_id"], human["community_id"]) == ("moltbook/ai", "reddit/ai")
    assert (agent["is_deleted"], human["is_deleted"], agent["content"]) == (False, True, None)
    assert {k: v["agent_kind"] for k, v in tables.agents.items()} == {"a1": "llm", "a2": "human"}
    assert tables.label.select("target_id", "scheme", "value", "origin").sort(pl.all()).rows() == [
        ("p1", "stance", "S", "Gemini 2.5 Flash"), ("p1", "stance", "SUPPORTIVE", "gpt-4o-mini"),
        ("p2", "stance", "NEUTRAL", "gpt-4o-mini"),
    ]  # fmt: skip
    assert tables.tie_event.height == 0


def test_ronantakizawa(corpus: Corpus) -> None:
    tables = read(corpus, "ronantakizawa")
    assert tables.account() == (1, 1, 0, 0, 0)
    post = tables.messages[th.POST]
    assert (post["content"], post["agent_id"], post["community_id"]) == (
        "Registered\nan hour ago.", "name:Claw_One", "general",
    )  # fmt: skip
    assert (post["score"], post["upvotes"], post["downvotes"], post["claimed_comment_count"]) == (3, 3, 0, 5)


def test_labels_of_a_third_party(corpus: Corpus) -> None:
    tables = read(corpus, "labels")
    assert tables.account() == (6, 4, 0, 1, 1)
    assert tables.label.select(LABEL).sort(pl.all()).rows() == [
        ("message", th.POST, "class_note", "humor_casual", "altsoph/moltan"),
        ("message", th.POST, "class_note", "meta", "altsoph/moltan"),
        ("message", th.POST, "emotion", "joy", "altsoph/moltan"),
    ]
    assert tables.reasons() == ["unknown_shape"]  # a row without its label holds nothing
    assert tables.messages == {}  # what is labelled need not be in the corpus
    member = tables.membership_event.row(0, named=True)
    assert (member["agent_id"], member["community_id"], member["action"]) == (th.AUTHOR, "general", "create")
    rows = {path: row["rows_read"] for path, row in tables.files.items() if row["status"] == "read"}
    assert rows == {"post_class_notes.json": 4, "post_tags.json": 1, "submolts.json": 1}


def test_graph_without_ties(corpus: Corpus) -> None:
    tables = read(corpus, "graph")
    assert tables.account() == (4, 2, 0, 1, 1)
    post, comment = tables.messages[th.POST], tables.messages[th.FIRST]
    assert (post["title"], post["content"], post["claimed_comment_count"]) == (th.TITLE, None, 5)
    assert (post["agent_id"], post["community_id"], post["at_precision"]) == ("name:Claw_One", "general", "us")
    assert (comment["parent_id"], comment["root_id"], comment["depth"]) == (th.POST, th.POST, 1)
    assert tables.tie_event.height == 0
    graphs = [row["reason"] for path, row in tables.files.items() if path.endswith("network_data.json")]
    assert len(graphs) == 2
    assert all("it is no tie" in reason for reason in graphs)


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        ('[{"timestamp": "2026-02-01T00:00:00Z", "karma": 5}]', [5]),
        ('[{"at": 1769904000, "value": 5}]', [5]),
        ('[["2026-02-01", 5], ["2026-02-02", 6]]', [5, 6]),
        ('[["2026-02-01", {"karma": 5}]]', [5]),
        ('{"2026-02-01T00:00:00+00:00": 5}', [5]),
        ('{"2026-02-01": {"karma": 5}}', [5]),
        ('{"2026-02-01": 5, "2026-02-01T12:00:00Z": 6, "2026-02-02": {"karma": 7}}', [5, 6, 7]),
        ('{"2026-02-01": 5, "2026-02-01": 6}', [5, 6]),
        ("", []),
        ("[]", []),
        ("null", []),
    ],
)
def test_shapes_of_a_history(corpus: Corpus, history: str, expected: list[int]) -> None:
    pl.DataFrame({"id": ["a1"], "name": ["A"], "karma_history": [history]}).write_parquet(
        corpus.folder / "agents.parquet"
    )
    tables = corpus.read()
    assert tables.agent_snapshot.sort("observed_at")["karma"].to_list() == expected
    assert tables.account()[0] == 1 + len(expected)


@pytest.mark.parametrize("history", ["[1, 2]", '[{"karma": 5}]', '[["never", 5]]', "no json", "7"])
def test_entries_without_a_time_are_set_aside(corpus: Corpus, history: str) -> None:
    pl.DataFrame({"id": ["a1"], "name": ["A"], "karma_history": [history]}).write_parquet(
        corpus.folder / "agents.parquet"
    )
    tables = corpus.read()
    assert set(tables.reasons()) == {"unknown_shape"}
    assert tables.account() == (1 + len(tables.reasons()), 1, 0, 0, len(tables.reasons()))
    assert tables.agent_snapshot.height == 0


def test_labels_are_new_once(corpus: Corpus) -> None:
    """Equal labels of two files are one; another value or another labeller is another label."""
    post = {"id": "p-one-00000", "title": "T", "created_at": "2026-02-01"}
    for number, topic in enumerate(["A", "A", "B"]):
        frame = pl.DataFrame([{"id": "p-one-00000", "topic_label": topic, "toxic_level": None, "post": post}])
        frame.write_parquet(corpus.folder / f"train-{number}.parquet")
    tables = corpus.read()
    assert tables.label["value"].sort().to_list() == ["A", "B"]
    assert tables.account() == (6, 3, 0, 3, 0)


def test_a_label_of_nothing_is_set_aside(corpus: Corpus) -> None:
    frame = pl.DataFrame([{"id": None, "topic_label": "A", "post": {"id": None, "title": "T"}}])
    frame.write_parquet(corpus.folder / "train.parquet")
    tables = corpus.read()
    assert sorted(tables.reasons()) == ["incomplete_event", "missing_id"]
    assert tables.label.height == 0


def test_odd_members_of_a_graph_are_accounted_for(corpus: Corpus) -> None:
    """A topic that stands there twice is read twice; what is no object, or no list, is set aside."""
    post = {"title": "T", "author": "A", "engagement": 1, "comments": 0, "created": "2026-02-01"}
    first, second = (json.dumps({"id": ident, **post}) for ident in ("p-one-00000", "p-two-00000"))
    corpus.write("hottest_posts_per_topic.json", f'{{"ai": [{first}, 5, null], "ai": [{second}], "odd": 7}}')
    tables = corpus.read()
    assert sorted(tables.messages) == ["p-one-00000", "p-two-00000"]
    assert tables.account() == (5, 2, 0, 0, 3)
    assert sorted(tables.reasons()) == ["missing_id", "missing_id", "unknown_shape"]


def test_texts_that_parquet_calls_bytes_are_texts(corpus: Corpus) -> None:
    n = ["p1", "p2", "p3"]
    table = pa.table(
        {
            "id": pa.array([name.encode() for name in n], pa.binary()),
            "title": n,
            "content": pa.array(["caf\u00e9".encode(), b"\xff\xfe", None], pa.large_binary()),
            **{key: [1] * 3 for key in ("upvotes", "downvotes", "comment_count")},
            **{key: ["x"] * 3 for key in ("submolt_id", "submolt_name", "author_id", "author_name")},
            "created_at": ["2026-01-30T10:00:00Z"] * 3,
            "submolt_display_name": ["X"] * 3,
            "url": pa.nulls(3, pa.string()),
            "picture": [{"bytes": b"\x89PNG\xff", "path": "a.png"}] * 3,
            "pieces": pa.array([[b"x"]] * 3, pa.list_(pa.binary())),
        }
    )
    (corpus.folder / "data").mkdir()
    pq.write_table(table, corpus.folder / "data/posts-00000.parquet")
    tables = corpus.read()
    assert tables.account() == (3, 3, 0, 0, 0)
    assert [tables.messages[name]["content"] for name in n] == ["caf\u00e9", None, None]
    assert json.loads(tables.messages["p1"]["extra"])["picture"] == {"path": "a.png"}
