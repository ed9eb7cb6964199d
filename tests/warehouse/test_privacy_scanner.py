"""detect-secrets with its default rules finds nothing in catalogue, reports, shared file and logs of real corpora.

Every text column is written to a file of its own, one value after the other and without quotes, as the catalogue holds
them; so ids and hashes of ours stand on lines of their own, and what agents quoted is quoted still. All plugins run
with their default limits. The one filter that is taken out is that for lines that say ``pragma: allowlist secret``:
such a line may be an agent's.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import duckdb
import pytest
from detect_secrets.core.plugins.util import get_mapping_from_secret_type_to_class
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings, get_settings

from pipeline.report.html import write_reports
from pipeline.settings import Settings
from pipeline.simulation import ForumTruth, demo_moltbook
from pipeline.steps import STEPS, run_step
from pipeline.warehouse import Warehouse

ALLOWLIST = "detect_secrets.filters.allowlist.is_line_allowlisted"
PLANTED = (
    'token = "' + "Zm9vYmFyMTIzNDU2Nzg5MGFiY2RlZgXyQwPk8tS7" + '"',
    "my_password: 'open " + "sesame'",
    "key AKIA" + "IOSFODNN7EXAMPLE and postgres://bob:" + "hunter2@db.example.org",
)
# The real archives that a format reads, but the large one; the others hold aggregates or games.
REAL = (
    "chirper-masquerade23", "moltbook-api-v2-list", "moltbook-api-v3-enriched", "moltbook-graph-snapshots",
    "moltbook-http-cache", "moltbook-labels", "moltbook-medallion-runs", "moltbook-observatory-csv",
    "sim-oasis-fixture",
)  # fmt: skip
LINES = 20_000  # of one task of a process
Found = list[tuple[str, str, int]]


def scan(paths: list[Path]) -> Found:
    """Return file, kind and line of everything that the scanner reports."""
    with default_settings():
        assert len(get_settings().plugins) == len(get_mapping_from_secret_type_to_class())
        assert get_settings().filters.pop(ALLOWLIST) is not None
        distinct = {path.read_bytes(): path for path in paths}.values()
        return [(path.name, found.type, found.line_number) for path in distinct for found in scan_file(str(path))]


def scan_once(paths: list[Path], folder: Path) -> Found:
    """Scan each distinct line of the columns of several copies once, and all other files as they are.

    Whether a line is reported depends on the line and the suffix of its file, so that equal lines need no second look;
    the three copies of a large corpus are mostly the same.
    """
    columns = [path for path in paths if path.suffix == ".txt"]
    lines = dict.fromkeys(line for path in columns for line in path.read_bytes().split(b"\n"))
    folder.mkdir()
    chunks, rest = [], list(lines)
    for start in range(0, len(rest), LINES):
        chunks.append(folder / f"{start:09d}.txt")
        chunks[-1].write_bytes(b"\n".join(rest[start : start + LINES]))
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        found = pool.map(scan, [[path] for path in [*chunks, *(p for p in paths if p.suffix != ".txt")]])
        return [one for some in found for one in some]


def export(database: Path, folder: Path) -> list[Path]:
    """Write the distinct values of every text column of every table to a file of its own."""
    folder.mkdir()
    with duckdb.connect(str(database), read_only=True) as con:
        columns = con.execute(
            "SELECT schema_name, table_name, column_name FROM duckdb_columns() "
            "WHERE NOT internal AND data_type = 'VARCHAR' ORDER BY ALL"
        ).fetchall()
        for schema, table, column in columns:
            values = con.execute(
                f'SELECT DISTINCT "{column}" FROM {schema}."{table}" WHERE "{column}" IS NOT NULL ORDER BY 1'
            )
            text = "".join(f"{value}\n" for (value,) in values.fetchall())
            (folder / f"{schema}.{table}.{column}.txt").write_text(text, encoding="utf-8")
    return sorted(folder.iterdir())


def outputs(tmp_path: Path, dumps: dict[str, Path], caplog: pytest.LogCaptureFixture) -> list[Path]:
    """Run ingestion and texts of the corpora, publish them, and return every file that a reader may see."""
    environ = {"ETHOGRAM_HOME": str(tmp_path / "home"), "ETHOGRAM_TEACHER": "none"}
    settings = Settings.load(environ)
    settings.data.mkdir(parents=True)
    caplog.set_level(logging.INFO)
    store = Warehouse(settings)
    for corpus_id, folder in dumps.items():
        (settings.data / corpus_id).symlink_to(folder)
        for key in ("corpus/ingestion", "feature/text"):
            run_step(STEPS[key], store, corpus_id)
        store.publish(corpus_id)
    store.build_catalogue()
    pages = [Path(path) for path in write_reports(settings, None)]
    shared = [store.share(tmp_path / f"{p}.duckdb", privacy=dict.fromkeys(dumps, p)) for p in ("pseudonymise", "keep")]
    log = tmp_path / "log.txt"
    log.write_text(caplog.text, encoding="utf-8")
    found = [
        path for n, base in enumerate([store.layout.catalogue, *shared]) for path in export(base, tmp_path / f"t{n}")
    ]
    return [*found, *pages, log]


def test_the_scanner_finds_what_is_planted(tmp_path: Path) -> None:
    path = tmp_path / "planted.txt"
    path.write_text("\n".join(PLANTED), encoding="utf-8")
    kinds = {kind for _, kind, _ in scan([path])}
    (tmp_path / "page.html").write_text(PLANTED[1], encoding="utf-8")
    twice = [path, tmp_path / "copy.txt", tmp_path / "page.html"]
    twice[1].write_text("\n".join([*PLANTED, "harmless"]), encoding="utf-8")
    assert [kind for _, kind, _ in scan_once(twice, tmp_path / "lines")].count("AWS Access Key") == 1
    assert {name for name, *_ in scan_once(twice, tmp_path / "again")} == {"000000000.txt", "page.html"}
    assert kinds >= {"Base64 High Entropy String", "Secret Keyword", "AWS Access Key", "Basic Auth Credentials"}


def test_it_finds_nothing_in_small_corpora(
    tmp_path: Path, real_dump: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    demo_moltbook(tmp_path / "demo", ForumTruth(n_posts=60, n_agents=40, comments_per_post=4.0))
    hostile = tmp_path / "hostile"
    hostile.mkdir()
    content = "".join(f"<p>{text}</p>\\n".replace('"', '\\"') for text in PLANTED)
    line = f'{{"id": "p1", "title": "t", "content": "{content}", "created_at": "2026-01-30T10:00:00Z"}}\n'
    (hostile / "posts.jsonl").write_text(line, encoding="utf-8")
    dumps = {name: real_dump(name) for name in ("moltbook-api-v3-enriched", "moltbook-http-cache")}
    paths = outputs(tmp_path, {"demo": tmp_path / "demo", "hostile": hostile, **dumps}, caplog)
    assert len(paths) > 100
    assert "[redacted:" in (tmp_path / "t0" / "corpus.message.content.txt").read_text(encoding="utf-8")
    assert scan(paths) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_it_finds_nothing_in_other_archives(
    tmp_path: Path, real_dump: Callable[[str], Path], caplog: pytest.LogCaptureFixture, name: str
) -> None:
    assert scan(outputs(tmp_path, {"real": real_dump(name)}, caplog)) == []


@pytest.mark.slow
def test_it_finds_nothing_in_the_whole_tree(
    tmp_path: Path, real_dump: Callable[[str], Path], caplog: pytest.LogCaptureFixture
) -> None:
    assert scan_once(outputs(tmp_path, {"v1": real_dump("moltbook-api-v1-tree")}, caplog), tmp_path / "lines") == []
