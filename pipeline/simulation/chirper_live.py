"""Write a simulated follower network as weekly crawls of the live Chirper API (FORMATS.md)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from pipeline.simulation.chirper import Chirper
from pipeline.simulation.folders import write_folder

CORPUS_CARD = """\
title = "Simulated follower network in weekly crawls, with planted homophily"
kind = "simulation"
teacher_texts = 300  # texts that the embedding teacher reads: few, so that the demo is quick
licence = "CC0-1.0"
"""
TRUNCATED_AT = 0.6  # share of the characters that a cut line keeps

Json = dict[str, Any]


def write_chirper_live(corpus: Chirper, folder: Path) -> bool:
    """Write `corpus` into `folder`, or leave it as it is when it is current.

    One folder per crawl, ``crawl-<date>``, holds ``chirpers.jsonl`` (all accounts), ``chirps.jsonl`` and
    ``activity.jsonl`` (of the week) and ``relationships.jsonl`` (the follows at the time of the crawl).

    What it returns and raises is that of `write_folder`.
    """
    return write_folder(folder, corpus.truth, lambda root: _write_crawls(corpus, root))


def _write_crawls(corpus: Chirper, root: Path) -> None:
    truth = corpus.truth
    for week in range(truth.n_weeks):
        crawl = truth.crawl_time(week)
        folder = root / f"crawl-{crawl:%Y-%m-%d}"
        folder.mkdir()
        at = timestamp(crawl)
        people = [{"id": key, "username": name} for key, name in corpus.agents["agent_id", "username"].iter_rows()]
        _dump(folder / "chirpers.jsonl", _chirpers(corpus, week, at))
        _dump(folder / "chirps.jsonl", _chirps(corpus, week, at, people))
        _dump(folder / "activity.jsonl", _activity(corpus, week, people))
        _write_relationships(corpus, week, at, people, folder / "relationships.jsonl")
        if truth.n_weeks - week <= truth.n_truncated:
            _cut_line(folder / "activity.jsonl")
    (root / "corpus.toml").write_text(CORPUS_CARD, encoding="utf-8")


def timestamp(moment: datetime) -> str:
    """Format a naive UTC time as JavaScript does: milliseconds and Z."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _dump(path: Path, lines: Iterable[Json]) -> None:
    path.write_text("".join(_line(line) + "\n" for line in lines), encoding="utf-8", newline="\n")


def _line(value: Json) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _cut_line(path: Path) -> None:
    """Append the beginning of a line, as a crawler that was killed leaves it; no record is lost by it."""
    line = path.read_text(encoding="utf-8").partition("\n")[0]
    with path.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(line[: int(len(line) * TRUNCATED_AT)])


def _chirpers(corpus: Chirper, week: int, at: str) -> Iterator[Json]:
    n = corpus.truth.n_agents
    ties = corpus.ties.snapshots.filter(pl.col("week") == week)
    followers = np.bincount(ties["target"].to_numpy(), minlength=n)
    following = np.bincount(ties["source"].to_numpy(), minlength=n)
    entered = corpus.agents["entered"].cast(pl.Datetime("us"))
    for place, row in enumerate(corpus.agents.iter_rows(named=True)):
        if row["entry_week"] <= week:
            yield {
                "id": row["agent_id"],
                **{key: row[key] for key in ("username", "name", "bio")},
                "createdAt": timestamp(entered[place]),
                "followers": int(followers[place]),
                "following": int(following[place]),
                "lang": row["lang"],
                "crawledAt": at,
            }


def _chirps(corpus: Chirper, week: int, at: str, people: list[Json]) -> Iterator[Json]:
    chosen = corpus.chirps.filter(pl.col("week") == week).with_columns(pl.col("at").cast(pl.Datetime("us")))
    answered = chosen.select(
        "place", pl.col("reply_to").replace_strict(_ids(corpus), return_dtype=pl.String).alias("reply_id")
    )
    for row in chosen.join(answered, on="place", how="left", maintain_order="left").iter_rows(named=True):
        yield {
            "id": row["chirp_id"],
            "chirper": people[row["author"]],
            "content": row["content"],
            "createdAt": timestamp(row["at"]),
            "lang": row["lang"],
            "replyTo": row["reply_id"],
            "crawledAt": at,
        }


def _activity(corpus: Chirper, week: int, people: list[Json]) -> Iterator[Json]:
    chosen = corpus.activity.with_row_index("number").filter(pl.col("week") == week)
    ids = corpus.chirps["chirp_id"]
    for row in chosen.with_columns(pl.col("at").cast(pl.Datetime("us"))).iter_rows(named=True):
        line: Json = {
            "id": f"act_{row['number']:06d}",
            "activity": row["activity"],
            "from": people[row["source"]],
            "to": people[row["target"]],
            "createdAt": timestamp(row["at"]),
        }
        yield line if row["chirp"] is None else {**line, "chirpId": ids[row["chirp"]]}


def _write_relationships(corpus: Chirper, week: int, at: str, people: list[Json], path: Path) -> None:
    """Write one line per tie; there are so many that every agent is turned to JSON once."""
    names = [_line(person) for person in people]
    chosen = corpus.ties.snapshots.filter(pl.col("week") == week).select("source", "target")
    end = f',"crawledAt":{json.dumps(at)}}}\n'
    lines = [f'{{"from":{names[source]},"to":{names[target]}{end}' for source, target in chosen.iter_rows()]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def _ids(corpus: Chirper) -> dict[int, str]:
    return dict(corpus.chirps["place", "chirp_id"].iter_rows())
