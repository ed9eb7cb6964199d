"""Files that look made up: crude imitations are marked, real dumps and the demo are not."""

import contextlib
import datetime as dt
import random
import uuid
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest
from ingest_helpers import Corpus, comment, post

from pipeline.ingest import ingest, load_config, scan
from pipeline.ingest.formats import FORMATS
from pipeline.ingest.synthetic import synthetic_signs, with_warnings
from pipeline.simulation import write_demos

START = dt.datetime(2026, 1, 28, tzinfo=dt.UTC)
Row = dict[str, object]


def rows(n: int = 60, ids: str = "uuid", counts: str = "uneven", times: str = "random", seed: int = 1) -> list[Row]:
    """Return posts of API v1, real in all that is not asked to be made up."""
    draw = random.Random(seed)
    made = []
    for i in range(n):
        real = str(uuid.UUID(int=draw.getrandbits(128), version=4))
        names = {"uuid": real, "named": f"post_{draw.randrange(36**6):x}", "run": str(i + 1)}
        seconds = {"random": draw.uniform(0, 9e5), "minutes": 60.0 * draw.randrange(15_000), "steady": 37.5 * i}
        votes = int(draw.paretovariate(0.6) * 20)
        at = START + dt.timedelta(seconds=seconds[times])
        made.append(post(
            i, id=names[ids], upvotes=50 * (votes // 50 + 2) if counts == "round" else votes, downvotes=0,
            comment_count=0, created_at=at.isoformat(timespec="microseconds"),
        ))  # fmt: skip
    return made


def marked(corpus: Corpus, posts: list[Row]) -> bool:
    corpus.write("posts.json", {"success": True, "posts": posts})
    tables = corpus.read()
    has_word = tables.source_file["warnings"].to_list() == ["looks_synthetic"]
    assert ("looks_synthetic" in (tables.tables["corpus"]["warnings"].item() or "")) == has_word
    return has_word


@pytest.mark.parametrize(
    "asked",
    [
        {"ids": "named", "counts": "round"},
        {"ids": "named", "times": "minutes"},
        {"ids": "run", "times": "steady"},
        {"counts": "round", "times": "minutes"},
        {"ids": "named", "counts": "round", "times": "steady"},
        {"ids": "named", "n": 500},
    ],
)
def test_two_signs_mark_a_file(corpus: Corpus, asked: Row) -> None:
    assert marked(corpus, rows(**asked))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "asked",
    [{}, {"ids": "named"}, {"ids": "run"}, {"counts": "round"}, {"times": "minutes"}, {"times": "steady"}, {"n": 500}],
)
def test_one_sign_does_not(corpus: Corpus, asked: Row) -> None:
    assert not marked(corpus, rows(**asked))  # type: ignore[arg-type]


def test_few_messages_say_nothing(corpus: Corpus) -> None:
    assert not marked(corpus, rows(n=29, ids="named", counts="round", times="minutes"))


def test_a_file_is_judged_by_itself(corpus: Corpus) -> None:
    corpus.write("real.json", {"success": True, "posts": rows(seed=2)})
    corpus.write("made-up.json", {"success": True, "posts": rows(ids="named", times="minutes")})
    found = dict(corpus.read().source_file.select("path", "warnings").rows())
    assert found == {"real.json": None, "made-up.json": "looks_synthetic"}


def signs(folder: Path, base: Path) -> pl.DataFrame:
    found = scan(folder, load_config(folder, "some", tuple(FORMATS)))
    staging = base / "staging"
    staging.mkdir()
    config = load_config(folder, "some", tuple(FORMATS))
    with duckdb.connect(config={"threads": 1}) as con, contextlib.ExitStack() as cleanup:
        result = ingest(found, config, con, staging, redact=str, cleanup=cleanup)
        seen = synthetic_signs(con)
        assert with_warnings(con, result.frames["source_file"].drop("warnings")).equals(result.frames["source_file"])
    assert result.frames["source_file"]["warnings"].null_count() == len(found.files)
    return seen


@pytest.mark.parametrize(
    "name",
    ["moltbook-api-v1-tree", "moltbook-api-v2-list", "moltbook-api-v3-enriched", "moltbook-observatory-csv",
     "moltbook-http-cache", "moltbook-medallion-runs", "chirper-masquerade23", "sim-oasis-fixture"],
)  # fmt: skip
def test_no_real_dump_is_marked(real_dump: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    seen = signs(real_dump(name), tmp_path)
    assert not (seen["has_ids"].fill_null(value=False) & seen["has_times"].fill_null(value=False)).any()


def test_the_demo_passes_for_real(tmp_path: Path) -> None:
    write_demos(tmp_path / "data")
    for number, name in enumerate(("demo-moltbook", "demo-chirper")):
        base = tmp_path / str(number)
        base.mkdir()
        signs(tmp_path / "data" / name, base)


def test_comments_count_too(corpus: Corpus) -> None:
    answers = [
        comment(i, id=f"comment_{i:04d}", created_at=(START + dt.timedelta(minutes=i)).isoformat()) for i in range(40)
    ]
    corpus.write("thread.json", {"success": True, "post": post(1), "comments": answers})
    assert corpus.read().source_file["warnings"].to_list() == ["looks_synthetic"]
