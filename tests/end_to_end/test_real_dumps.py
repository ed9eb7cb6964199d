"""The whole pipeline on real dumps, against counts and measures from scripts that share no code with it."""

import json
import math
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "independent"))
import corpus_measures as independent

TREE, OBSERVATORY = "moltbook-api-v1-tree", "moltbook-observatory-csv"
POSTS, COMMENTS = 14_291, 130_244
# The same arithmetic in another order: only rounding may differ.
ROUNDING = 1e-9
# The whole pipeline on the tree may take 4 GiB. Its time is not asserted: machines that run tests are shared.
MOST_BYTES = 4 << 30
NAMED = (
    "airs_positive_share", "activity_gini", "activity_tail_exponent", "reciprocity_reply_any",
    "reciprocity_comment_post_author", "degree_assortativity_reply_any", "comment_depth_mean", "replied_comment_share",
    "duplicate_share", "first_comment_minutes_median",
)  # fmt: skip

DRIVER = """
import json, resource, sys
from dataclasses import replace
from pipeline.settings import Settings
from pipeline.steps import STEPS, run_step
from pipeline.steps.publication import publish
from pipeline.warehouse import Warehouse
# Fewer draws: no value that is asserted rests on their number, and dealings are most of the time of a whole run.
store = Warehouse(replace(Settings.load(), permutation_draws=39, null_draws=10))
failed = []
for step in STEPS.values():
    outcome = run_step(step, store, sys.argv[1])
    failed += [check.message for check in outcome.checks if not check.passed]
publish(store, sys.argv[1])
print(json.dumps({"failed": failed, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))
"""


def whole_run(dump: Path, folder: Path) -> tuple[Path, dict[str, object]]:
    """Run every step on a dump in a process of its own; return the catalogue and what the process said."""
    (folder / "data").mkdir()
    (folder / "data" / dump.name).symlink_to(dump)
    environment = {
        **os.environ,
        "ETHOGRAM_DATA": str(folder / "data"),
        "ETHOGRAM_WAREHOUSE": str(folder / "warehouse"),
    }
    command = [sys.executable, "-c", DRIVER, dump.name]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "warehouse" / "ethogram.duckdb", json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def tree(real_dump: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, object]]:
    return whole_run(real_dump(TREE), tmp_path_factory.mktemp("tree"))


@pytest.fixture(scope="module")
def catalogue(tree: tuple[Path, dict[str, object]]) -> duckdb.DuckDBPyConnection:
    return duckdb.connect(str(tree[0]), read_only=True)


@pytest.fixture(scope="module")
def expected(real_dump: Callable[[str], Path]) -> Mapping[str, float]:
    return independent.measure(independent.read_tree(real_dump(TREE)))


def one(con: duckdb.DuckDBPyConnection, query: str) -> tuple[object, ...]:
    return con.sql(query).fetchall()[0]


def test_every_row_of_the_tree_is_accounted_for(
    catalogue: duckdb.DuckDBPyConnection, real_dump: Callable[[str], Path]
) -> None:
    counted = independent.count_rows(real_dump(TREE))
    assert (counted["posts"], counted["comments"]) == (POSTS, COMMENTS)
    assert one(catalogue, "SELECT count(*) FROM corpus.message WHERE kind = 'post'") == (POSTS,)
    assert one(catalogue, "SELECT count(*) FROM corpus.message WHERE kind = 'comment'") == (COMMENTS,)
    files = "SELECT count(*) FROM corpus.source_file WHERE starts_with(path, 'posts/') AND status = 'read'"
    assert one(catalogue, files) == (POSTS,)
    read = (
        "SELECT sum(rows_read), sum(new + revised + repeated + quarantined), sum(quarantined) FROM corpus.source_file"
    )
    rows_read, accounted, quarantined = one(catalogue, read + " WHERE starts_with(path, 'posts/')")
    assert (rows_read, accounted, quarantined) == (POSTS + COMMENTS, POSTS + COMMENTS, 0)


def test_checks_pass_within_memory(tree: tuple[Path, dict[str, object]]) -> None:
    assert tree[1]["failed"] == []
    assert float(str(tree[1]["peak"])) < MOST_BYTES


@pytest.mark.parametrize("measure_id", NAMED)
def test_measures_equal_the_independent_script(
    catalogue: duckdb.DuckDBPyConnection, expected: Mapping[str, float], measure_id: str
) -> None:
    value = one(
        catalogue,
        "SELECT value FROM analysis.measure WHERE slice_id = 'all' AND unit = 'corpus' AND period IS NULL "
        f"AND measure_id = '{measure_id}'",
    )[0]
    assert isinstance(value, float)
    assert math.isclose(value, expected[measure_id], rel_tol=0, abs_tol=ROUNDING)


def test_every_named_measure_has_interval_n_and_the_printed_number_beside_it(
    catalogue: duckdb.DuckDBPyConnection,
) -> None:
    rows = catalogue.sql(
        "SELECT measure_id, ci_low, value, ci_high, n FROM analysis.measure "
        "WHERE slice_id = 'all' AND unit = 'corpus' AND period IS NULL"
    ).fetchall()
    found = {row[0]: row for row in rows}
    for name in NAMED:
        _, low, value, high, n = found[name]
        assert low < value < high, name
        assert n > 0
    holtz = catalogue.sql(
        "SELECT measure_id, published_value, value, cause, evidence FROM analysis.replication "
        "WHERE paper LIKE '%2602.10131%' ORDER BY measure_id"
    ).fetchall()
    beside = {row[0]: row for row in holtz}
    for name in (
        "activity_gini",
        "activity_tail_exponent",
        "reciprocity_reply_any",
        "degree_assortativity_reply_any",
        "comment_depth_mean",
        "replied_comment_share",
        "duplicate_share",
        "first_comment_minutes_median",
    ):
        assert beside[name][1] is not None
        assert len(beside[name][3]) > 20, f"{name}: the gap has no cause"


def test_observatory_csv_gives_the_anchor_numbers(real_dump: Callable[[str], Path], tmp_path: Path) -> None:
    path, said = whole_run(real_dump(OBSERVATORY), tmp_path)
    assert said["failed"] == []
    with duckdb.connect(str(path), read_only=True) as con:
        share = one(
            con,
            "SELECT value, n FROM analysis.measure WHERE measure_id = 'airs_positive_share' AND slice_id = 'all' "
            "AND period IS NULL AND unit = 'corpus'",
        )
        assert share == (627 / 1710, 1710)
        classes = con.sql("SELECT class, count(*) FROM feature.reply_class GROUP BY class").fetchall()
        assert dict(classes) == {"other": 78, "enforce": 14, "endorse": 4, "toxic": 1}
