"""Observatory archive: Parquet dumps that overlap, written here from real rows, and CSV as Python reads it."""

from __future__ import annotations

import csv
import itertools
import shutil
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from count_records import count_file
from ingest_helpers import Corpus, Tables

DATES = ("2026-02-01", "2026-02-02", "2026-02-03")
STATE = ("message_id", "agent_id", "community_id", "parent_id", "root_id", "depth", "title", "content", "text_hash",
         "created_at", "at_precision", "score", "claimed_comment_count", "observed_at", "extra")  # fmt: skip


def dumps(folder: Path) -> dict[str, pl.DataFrame]:
    """Make overlapping dumps of the archive's layout from real rows of the CSV export."""
    found = {}
    for path in folder.rglob("*.csv"):
        frame = pl.read_csv(path, infer_schema=False)
        if "comment_count" in frame.columns and "submolt" in frame.columns and "id" in frame.columns:
            found["posts"] = frame
        elif "post_id" in frame.columns and "content" in frame.columns:
            found["comments"] = frame
        elif "karma" in frame.columns:
            found["agents"] = frame
    posts = found["posts"].unique("id", keep="first", maintain_order=True).head(60).with_columns(
        pl.col("score", "comment_count").cast(pl.Int64), agent_id="ag-" + pl.col("agent_name"), is_pinned=pl.lit(0)
    )  # fmt: skip
    comments = found["comments"].unique("id", keep="first", maintain_order=True).head(30)
    tables = {}
    for day, date in enumerate(DATES):
        fetched = pl.format("{}T12:00:0{}.5", pl.lit(date), (pl.int_range(pl.len()) % 7).cast(pl.String))
        some = posts.slice(day * 10, 40).with_columns(
            pl.col("score") + day, pl.col("comment_count") + 2 * day, fetched_at=fetched, dump_date=pl.lit(date)
        )
        # One post was fetched once and exported twice: same fetched_at, another score, a later dump.
        some = some.with_columns(
            fetched_at=pl.when(pl.col("id") == posts["id"][25])
            .then(pl.lit("2026-02-01T12:00:00"))
            .otherwise("fetched_at")
        )
        if day == 2:
            some = some.with_columns(unknown_column=pl.lit("new in this dump"))
        tables[f"data/posts/{date}.parquet"] = some
        tables[f"data/comments/{date}.parquet"] = comments.slice(day * 5, 20).with_columns(
            pl.col("score").cast(pl.Int64) + day, fetched_at=fetched, dump_date=pl.lit(date)
        )
        tables[f"data/snapshots/{date}.parquet"] = pl.DataFrame(
            {"id": [day], "timestamp": [date], "total_agents": [5], "top_words": ['["a"]'], "dump_date": [date]}
        )
        tables[f"data/word_frequency/{date}.parquet"] = pl.DataFrame({"word": ["a"], "hour": ["1"], "count": [day]})
        agents = pl.DataFrame({"id": ["ag-x"], "name": [f"X{day}"], "karma": [day], "follower_count": [1],
                               "following_count": [2],
                               "is_claimed": [1], "first_seen_at": ["2026-01-31 01:00:00.000001"], 
                               "dump_date": [date]})  # fmt: skip
        tables[f"data/agents/{date}.parquet"] = agents
    tables["data/lost_and_found/2026-02-03.parquet"] = pl.DataFrame({"rootpgno": [1], "c0": ["x"]})
    return tables


@pytest.fixture(scope="module")
def tables(real_dump: Callable[[str], Path]) -> dict[str, pl.DataFrame]:
    return dumps(real_dump("moltbook-observatory-csv"))


def lay(corpus: Corpus, frames: dict[str, pl.DataFrame], rename: Callable[[str], str] = lambda path: path) -> Tables:
    shutil.rmtree(corpus.folder)
    for path, frame in frames.items():
        target = corpus.folder / rename(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        frame.write_parquet(target)
    return corpus.read()


def state(found: Tables) -> tuple[object, ...]:
    """Return what the tables say, without names of files."""
    agent = found.agent.select("agent_id", "name", "karma", "observed_at").sort("agent_id")
    history = found.message_snapshot.select("message_id", "observed_at", "score").sort(pl.all())
    return found.message.select(STATE).sort("message_id").rows(), history.rows(), agent.rows(), found.account()


def test_latest_row_per_key_wins_and_history_is_kept(corpus: Corpus, tables: dict[str, pl.DataFrame]) -> None:
    found = lay(corpus, tables)
    posts = pl.concat([tables[f"data/posts/{date}.parquet"] for date in DATES], how="diagonal")
    comments = pl.concat([tables[f"data/comments/{date}.parquet"] for date in DATES])
    for frame in (posts, comments):
        latest = frame.sort("fetched_at", "dump_date").group_by("id").last()
        for row in latest.to_dicts():
            kept = found.messages[row["id"]]
            assert kept["score"] == row["score"]
            assert kept["content"] == row["content"]
            assert kept["claimed_comment_count"] == row.get("comment_count")
    assert found.message.height == posts["id"].n_unique() + comments["id"].n_unique()
    assert found.message_snapshot.height == posts.height + comments.height
    twice = found.message_snapshot.filter(pl.col("message_id") == posts["id"][25])
    assert twice["observed_at"].n_unique() == 1
    agent = found.agents["ag-x"]
    assert (agent["name"], agent["karma"]) == ("X2", 2)
    history = found.agent_snapshot.filter(pl.col("agent_id") == "ag-x")
    assert history.sort("observed_at")["karma"].to_list() == [0, 1, 2]
    ignored = {path: row for path, row in found.files.items() if row["status"] == "ignored"}
    assert {path.split("/")[1] for path in ignored} == {"lost_and_found", "snapshots", "word_frequency"}
    assert all(row["rows_read"] == 0 and row["reason"] for row in ignored.values())
    last = found.messages[tables["data/posts/2026-02-03.parquet"]["id"][0]]
    assert '"unknown_column":"new in this dump"' in last["extra"]


@pytest.mark.parametrize("turn", [0, 1])
def test_names_and_order_of_files_do_not_matter(corpus: Corpus, tables: dict[str, pl.DataFrame], turn: int) -> None:
    wanted = state(lay(corpus, tables))
    names = dict(zip(tables, itertools.islice(itertools.cycle([3, 1, 2]), turn, None), strict=False))
    renamed = lay(corpus, tables, lambda path: f"{names[path]}-elsewhere/{9 - names[path]}/{path.split('/', 1)[1]}")
    assert state(renamed) == wanted


def test_one_table_or_many_files(corpus: Corpus, tables: dict[str, pl.DataFrame]) -> None:
    wanted = state(lay(corpus, tables))
    whole = {}
    for table in ("posts", "comments", "agents"):
        parts = [frame for path, frame in tables.items() if path.startswith(f"data/{table}/")]
        whole[f"{table}.parquet"] = pl.concat(parts, how="diagonal")
    found = lay(corpus, whole)
    assert state(found)[:3] == wanted[:3]
    assert found.account() == wanted[3]


def test_a_dump_removed_was_never_there(corpus: Corpus, tables: dict[str, pl.DataFrame]) -> None:
    fewer = {path: frame for path, frame in tables.items() if DATES[1] not in path}
    wanted = state(lay(corpus, fewer))
    lay(corpus, tables)
    for path in corpus.folder.rglob(f"{DATES[1]}.parquet"):
        path.unlink()
    assert state(corpus.read()) == wanted


def test_types_of_parquet(corpus: Corpus) -> None:
    from datetime import UTC, datetime

    frame = pl.DataFrame({
        "id": ["p1"], "title": ["t"], "content": ["NaN: Infinity \x00 end"], "submolt": ["s"], "score": [2.0],
        "is_pinned": [1],
        "created_at": [datetime(2026, 2, 1, 1, 2, 3, 456789)], "fetched_at": [datetime(2026, 2, 2, tzinfo=UTC)],
        "comment_count": [-1], "nothing": [float("nan")], "Title": ["other"], "raw": [b"\xff"],
    })  # fmt: skip
    found = lay(corpus, {"data/posts/x.parquet": frame}).messages["p1"]
    assert (found["score"], found["claimed_comment_count"]) == (2, None)
    assert found["created_at"] == datetime(2026, 2, 1, 1, 2, 3, 456789)
    assert found["observed_at"] == datetime(2026, 2, 2)
    assert (found["content"], found["flags"]) == ("NaN: Infinity \ufffd end", "nul_removed,replacement_character")
    assert found["title"] == "t"


HEADER = "id,agent_name,submolt,title,content,url,score,comment_count,created_at\r\n"
AWKWARD = {
    "embedded": 'p1,A,s,t,"line\r\nbreak, ""quoted""\nand more",u,1,0,2026-01-31T00:00:00+00:00\r\n',
    "stray quote": 'p1,A,s,t,5" wide,u,1,0,2026-01-31\r\n',
    "quote after text": 'p1,A,s,"t"x,c,u,1,0,2026-01-31\r\n',
    "empty fields": "p1,A,s,,,,,,\r\n",
    "bare return": 'p1,A,s,t,"a\rb",u,1,0,2026-01-31\r\n',
    "apostrophe": "p1,A,s,t,it's 'fine',u,1,0,2026-01-31\r\n",
    "blank lines": "\r\n\r\np1,A,s,t,c,u,1,0,2026-01-31\r\n\r\n",
    "no last line end": "p1,A,s,t,c,u,1,0,2026-01-31",
    "long field": f"p1,A,s,t,{'x' * 200_000},u,1,0,2026-01-31\r\n",
}


def test_csv_as_the_standard_library_reads_it(corpus: Corpus) -> None:
    wanted = {}
    csv.field_size_limit(1 << 30)
    for number, (case, text) in enumerate(AWKWARD.items()):
        end = "" if case == "no last line end" else f"q{number},B,s,t,c,u,1,0,\r\n"
        path = corpus.write(f"{number}.csv", HEADER + text.replace("p1,", f"p{number},") + end)
        with path.open(newline="") as stream:
            wanted[path.name] = list(csv.DictReader(stream))
        assert count_file(path) == len(wanted[path.name])
    tables = corpus.read()
    for name, rows in wanted.items():
        assert tables.files[name]["new"] == tables.files[name]["rows_read"] == len(rows), name
        for row in rows:
            kept = tables.messages[row["id"]]
            assert (kept["title"], kept["content"]) == (row["title"] or None, row["content"] or None)
            assert kept["agent_id"] == f"name:{row['agent_name']}"


def test_csv_rows_that_do_not_fit_are_set_aside(corpus: Corpus) -> None:
    good = "p{},A,s,t,c,u,1,0,2026-01-31\r\n"
    rows = good.format(1) + "p9,short\r\n" + good.format(2) + good.format(3).strip() + ",more\r\n" + good.format(4)
    corpus.write("posts.csv", HEADER + rows + 'p5,A,s,t,"never closed\r\n' + good.format(6))
    tables = corpus.read()
    assert tables.account() == (6, 3, 0, 0, 3)
    assert sorted(tables.messages) == ["p1", "p2", "p4"]
    assert tables.quarantine.select("source_row", "reason").rows() == [(n, "bad_row_width") for n in (1, 3, 5)]
    assert "never closed" in tables.quarantine["detail"][2]
    assert tables.messages["p4"]["source_row"] == 4


def test_csv_of_several_batches(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.ingest.tables.BATCH_ROWS", 400)
    rows = [f'p{n},A{n % 7},s,t,"c\n{n}",u,1,0,2026-01-31\r\n' for n in range(1000)]
    rows[517] = "wrong\r\n"
    corpus.write("posts.csv", HEADER + "".join(rows))
    tables = corpus.read()
    assert tables.account() == (1000, 999, 0, 0, 1)
    assert all(tables.messages[f"p{n}"]["source_row"] == n for n in range(1000) if n != 517)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_csv_with_byte_order_mark(corpus: Corpus, encoding: str) -> None:
    corpus.write("posts.csv", (HEADER + "p1,Ä,s,t,é,u,1,0,2026-01-31\r\n").encode(encoding))
    tables = corpus.read()
    assert tables.messages["p1"]["content"] == "é"


def test_csv_with_nul_and_wrong_bytes(corpus: Corpus) -> None:
    body = HEADER.encode() + b"p1,A,s,t,a\xffb,u,1,0,2026-01-31\r\n"
    corpus.write("posts.csv", body)
    found = corpus.read().messages["p1"]
    assert (found["content"], found["flags"]) == ("a\ufffdb", "replacement_character")


def test_csv_header_with_a_column_twice(corpus: Corpus) -> None:
    corpus.write("posts.csv", "id,title,content,submolt,title\r\n1,2,3,4,5\r\n")
    tables = corpus.read()
    assert tables.account() == (1, 0, 0, 0, 1)
    assert "twice" in tables.quarantine["detail"][0]


def test_empty_tables(corpus: Corpus) -> None:
    corpus.write("posts.csv", HEADER)
    corpus.write("agents.tsv", "name\tkarma\tfollower_count\nA\t1\t2\n")
    tables = corpus.read()
    assert tables.files["posts.csv"]["rows_read"] == 0
    assert tables.agents["name:A"]["karma"] == 1


def test_damaged_parquet(corpus: Corpus) -> None:
    frame = pl.DataFrame({"id": ["1"], "title": ["t"], "content": ["c"], "submolt": ["s"]})
    frame.write_parquet(corpus.folder / "good.parquet")
    body = (corpus.folder / "good.parquet").read_bytes()
    corpus.write("cut.parquet", body[:-20])
    corpus.write("middle.parquet", body[:4] + b"\xff" * (len(body) - 12) + body[-8:])
    tables = corpus.read()
    assert tables.account() == (3, 1, 0, 0, 2)
    assert set(tables.reasons()) == {"bad_parquet"}
