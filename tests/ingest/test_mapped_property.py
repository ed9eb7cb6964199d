"""Random small forests in random layouts: what the mapping reads equals what was planted, row by row."""

from __future__ import annotations

import csv
import io
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ingest_helpers import Corpus

START = datetime(2026, 1, 1)
UNITS = {
    "s": lambda t: int((t - START).total_seconds()) + 1767225600,
    "ms": lambda t: (int((t - START).total_seconds()) + 1767225600) * 1000,
    "%d/%m/%Y %H:%M:%S": lambda t: t.strftime("%d/%m/%Y %H:%M:%S"),
    "iso": lambda t: t.strftime("%Y-%m-%d %H:%M:%S"),
}
WORDS = ["a", "ünï", 'it\'s "so"', "null", "x,y;z", "two\nlines", "{'k': 1}", "[1]", "\\", "😀"]
Row = dict[str, Any]


def forest(rng: np.random.Generator) -> list[Row]:
    """Plant messages: id, parent, root, depth, author, text, time."""
    rows: list[Row] = []
    for number in range(int(rng.integers(1, 25))):
        parent = None if not rows or rng.random() < 0.3 else rows[int(rng.integers(len(rows)))]
        rows.append({
            "id": f"m{number}", "parent": parent and parent["id"], "root": parent["root"] if parent else f"m{number}",
            "depth": parent["depth"] + 1 if parent else 0, "author": f"u{rng.integers(4)}",
            "text": None if rng.random() < 0.1 else str(rng.choice(WORDS)),
            "at": None if rng.random() < 0.1 else START + timedelta(seconds=int(rng.integers(10**7))),
        })  # fmt: skip
    return rows


class Layout:
    """A random way to write a forest, and the entry that describes it."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng
        names = ["k.1", "Mit Leerzeichen", "reply-to", "@odd", "timestamp", "body", "a/b", "x~y", "it's", "*"]
        self.names = dict(zip(("id", "parent", "author", "text", "at", "kids"), rng.permutation(names), strict=False))
        self.shape = str(rng.choice(["nested", "list", "keyed", "lines", "csv"]))
        self.unit = str(rng.choice(list(UNITS)))
        self.prefix = str(rng.choice(["", "t_"]))
        self.is_wrapped = bool(rng.random() < 0.5) and self.shape != "csv"

    def q(self, name: str) -> str:
        return f'"{self.names[name]}"'

    def record(self, row: Row) -> Row:
        n = self.names
        made: Row = {n["text"]: row["text"], n["at"]: row["at"] and UNITS[self.unit](row["at"])}
        made[n["author"]] = {"who": {"id": row["author"]}} if self.is_wrapped else row["author"]
        if self.shape != "keyed":
            made[n["id"]] = row["id"]
        if self.shape != "nested":
            made[n["parent"]] = row["parent"] and self.prefix + row["parent"]
        return {"node": made} if self.is_wrapped else made

    def write(self, corpus: Corpus, rows: list[Row]) -> None:
        order = [rows[i] for i in self.rng.permutation(len(rows))]
        if self.shape == "nested":
            made = {row["id"]: self.record(row) for row in rows}
            kids = {row["id"]: [made[r["id"]] for r in rows if r["parent"] == row["id"]] for row in rows}
            for key, record in made.items():
                inner = record["node"] if self.is_wrapped else record
                if kids[key]:
                    inner[self.names["kids"]] = {"all": kids[key]}
            corpus.write("f.json", {"data": {"in": [made[row["id"]] for row in order if row["parent"] is None]}})
        elif self.shape == "keyed":
            corpus.write("f.json", {"data": {row["id"]: self.record(row) for row in order}})
        elif self.shape == "list":
            corpus.write("f.json", [self.record(row) for row in order])
        elif self.shape == "lines":
            corpus.lines("f.jsonl", [self.record(row) for row in order])
        else:
            buffer = io.StringIO()
            writer = csv.DictWriter(buffer, list(self.record(rows[0])), delimiter=";", quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(self.record(row) for row in order)
            corpus.write("f.csv", buffer.getvalue())

    def toml(self) -> str:
        node = "node." if self.is_wrapped else ""
        path = {"nested": "data.in[*]", "keyed": "data.*", "list": "[*]"}.get(self.shape, "")
        quoted = {"id": "@key" if self.shape == "keyed" else node + self.q("id"),
                  "author_id": node + self.q("author") + (".who.id" if self.is_wrapped else ""),
                  "content": node + self.q("text")}  # fmt: skip
        fields = [f"{name} = {json.dumps(text)}" for name, text in quoted.items()]
        fields.append(f"created_at = {{ from = {json.dumps(node + self.q('at'))}, time = {json.dumps(self.unit)} }}")
        lines = ["[[records]]", 'files = "f.*"', f"path = {json.dumps(path)}", 'kind = "post"']
        if self.shape == "nested":
            lines.append(f"replies = {json.dumps(node + self.q('kids') + '.all[*]')}")
        else:
            parent = json.dumps(node + self.q("parent"))
            lines.append(f'kinds = [{{ kind = "comment", field = {parent} }}]')
            strip = f', strip = ["{self.prefix}"]' if self.prefix else ""
            fields.append(f"parent_id = {{ from = {parent}{strip} }}")
        if self.shape == "csv":
            lines.append('container = "csv_semicolon"')
        return "\n".join([*lines, "[records.fields]", *fields])


@pytest.mark.parametrize("seed", range(8))
def test_what_is_read_is_what_was_planted(tmp_path: Path, seed: int) -> None:
    rng = np.random.default_rng(seed)
    for number in range(3):
        rows, layout = forest(rng), Layout(rng)
        (tmp_path / str(number)).mkdir()
        corpus = Corpus(tmp_path / str(number))
        corpus.write("corpus.toml", layout.toml())
        layout.write(corpus, rows)
        tables = corpus.read()
        assert tables.reasons() == [], (layout.toml(), tables.quarantine["detail"].to_list())
        found = {
            key: (r["kind"], r["parent_id"], r["root_id"], r["depth"], r["agent_id"], r["content"], r["created_at"],
                  r["at_precision"], r["extra"])
            for key, r in tables.messages.items()
        }  # fmt: skip
        precision = {"ms": "ms"}.get(layout.unit, "s")
        assert found == {
            row["id"]: ("comment" if row["parent"] else "post", row["parent"], row["root"], row["depth"],
                        row["author"], row["text"], row["at"], row["at"] and precision, None)
            for row in rows
        }, layout.toml()  # fmt: skip
