"""Reader of the real dumps (json and csv only) and small helpers of the lexicon tests."""

import csv
import hashlib
import io
import json
import re
from pathlib import Path

import polars as pl
import real_dumps

from pipeline.lexicon import count_tokens

csv.field_size_limit(2**30)
ARCHIVES = (
    "moltbook-api-v1-tree",
    "moltbook-api-v2-list",
    "moltbook-api-v3-enriched",
    "moltbook-observatory-csv",
    "moltbook-http-cache",
    "moltbook-graph-snapshots",
    "chirper-masquerade23",
)
MINIMAL = {
    "id": "mini", "title": "t", "version": "1", "source": "s", "licence": "l", "language": "en", "evidence": "I",
    "text": "raw", "counting": "presence",
}  # fmt: skip


def archive_files(name: str, unpacked: Path) -> list[Path]:
    """Unpack an archive of real data and return its files; skip without the data, but never in CI."""
    real_dumps.unpack(name, unpacked)
    return sorted(path for path in unpacked.rglob("*") if path.is_file())


def texts_in(value: object, found: list[str]) -> None:
    """Collect title, newline, content of every object that has either, and the texts in lists, at any depth."""
    if isinstance(value, list):
        found.extend(item for item in value if isinstance(item, str))
        for item in value:
            texts_in(item, found)
    elif isinstance(value, dict):
        title, content = value.get("title"), value.get("content", value.get("text"))
        parts = [part if isinstance(part, str) else "" for part in (title, content)]
        if any(parts):
            found.append("\n".join(parts))
        for item in value.values():
            if isinstance(item, list | dict):
                texts_in(item, found)


def texts_of_file(path: Path, found: list[str]) -> None:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as lines:
            texts_in(list(csv.DictReader(lines)), found)
    elif path.suffix == ".json":
        body = path.read_bytes()
        is_lines = body.rstrip().count(b"}\r\n{") > 0  # the accounts of chirper-masquerade23
        for document in io.BytesIO(body) if is_lines else [body]:
            texts_in(json.loads(document), found)


def frame_of(texts: list[str]) -> pl.DataFrame:
    """Build the input of the engine; the hash is the row number, so texts may repeat."""
    frame = pl.DataFrame({"text_hash": [f"{n:08d}" for n in range(len(texts))], "text": texts})
    return frame.cast(pl.String).with_columns(n_tokens=count_tokens(pl.col("text")))


def text_hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def oracle_pattern(entry: str, boundary: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{entry})\b" if boundary == "word" else entry)
