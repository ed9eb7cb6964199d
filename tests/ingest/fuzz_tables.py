"""The tables of the fuzz: records as Parquet, Avro and SQLite, and which of them a reader must give after damage."""

from __future__ import annotations

import io
import json
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fuzz_containers import COLUMNS, Container, Written, left_alone
from fuzz_mutations import Row, common_ends


def columnar(rows: list[Any]) -> list[Row]:
    """Return rows of equal types: text everywhere but in `score`."""
    made = []
    for row in rows:
        fields = {name: row.get(name) for name in COLUMNS}
        for name, value in fields.items():
            if name in ("score", "comment_count"):
                is_whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 62
                fields[name] = value if is_whole else None
            elif value is not None:
                fields[name] = str(value).encode("utf-8", "replace").decode()
        made.append(fields)
    return made


class Parquet(Container):
    suffix, may_nest, n_records = "parquet", False, 9
    group = 3

    def write(self, rows: list[Any]) -> Written:
        held = columnar(rows)
        kinds = {name: pa.int64() if name in ("score", "comment_count") else pa.string() for name in COLUMNS}
        table = pa.table({name: pa.array([row[name] for row in held], kind) for name, kind in kinds.items()})
        buffer = io.BytesIO()
        pq.write_table(table, buffer, row_group_size=self.group, compression="zstd", write_page_checksum=True)
        return Written(buffer.getvalue(), [])

    def sound(self, written: Written, body: bytes, planted: list[Row]) -> list[int]:
        try:
            whole = pq.ParquetFile(io.BytesIO(body), page_checksum_verification=True)
            n_groups = whole.num_row_groups
        except Exception:
            return []
        found = []
        for number in range(n_groups):
            try:
                held = whole.read_row_group(number).to_pylist()
            except Exception:
                continue
            found += [n for n, row in enumerate(planted) if row in held]
        return found


def avro_long(value: int) -> bytes:
    value = (value << 1) ^ (value >> 63)
    made = bytearray()
    while value > 127:
        made.append(value & 127 | 128)
        value >>= 7
    return bytes([*made, value])


def avro_text(value: str | bytes) -> bytes:
    body = value.encode() if isinstance(value, str) else value
    return avro_long(len(body)) + body


class Avro(Container):
    suffix, may_nest, n_records = "avro", False, 9
    group = 3
    sync = bytes(range(100, 116))

    def write(self, rows: list[Any]) -> Written:
        fields = [
            {"name": n, "type": ["null", "long" if n in ("score", "comment_count") else "string"]} for n in COLUMNS
        ]
        schema = json.dumps({"type": "record", "name": "r", "fields": fields})
        head = b"Obj\x01" + avro_long(2) + avro_text("avro.schema") + avro_text(schema)
        head += avro_text("avro.codec") + avro_text("null") + avro_long(0) + self.sync
        body, spans = bytearray(head), []
        held = columnar(rows)
        for start in range(0, len(held), self.group):
            part = held[start : start + self.group]
            block = b"".join(self._value(row[name]) for row in part for name in COLUMNS)
            begin = len(body)
            body += avro_long(len(part)) + avro_long(len(block)) + block + self.sync
            spans += [(begin, len(body) - 1)] * len(part)
        return Written(bytes(body), spans)

    @staticmethod
    def _value(value: Any) -> bytes:
        if value is None:
            return avro_long(0)
        return avro_long(1) + (avro_long(value) if isinstance(value, int) else avro_text(value))

    def sound(self, written: Written, body: bytes, planted: list[Row]) -> list[int]:
        start = common_ends(written.body, body)[0]
        head = written.spans[0][0]
        return left_alone(written, body, behind=True) if start >= head else []


class Sqlite(Container):
    suffix, may_nest = "db", False
    toml = """
[[records]]
files = "*.db"
table = "posts"
kind = "post"
[records.fields]
id = "id"
title = "title"
content = "content"
community = "submolt"
author_name = "agent_name"
score = "score"
created_at = { from = "created_at", time = "iso" }
"""

    def write(self, rows: list[Any]) -> Written:
        con = sqlite3.connect(":memory:")
        con.execute("PRAGMA page_size = 1024")
        con.execute(f"CREATE TABLE posts ({', '.join(COLUMNS)})")
        values = [[self._value(row.get(name)) for name in COLUMNS] for row in rows]
        con.executemany(f"INSERT INTO posts VALUES ({', '.join('?' * len(COLUMNS))})", values)
        con.commit()
        body = con.serialize()
        con.close()
        return Written(body, [])

    @staticmethod
    def _value(value: Any) -> Any:
        if isinstance(value, str):
            return value.encode("utf-8", "replace").decode()
        return str(value) if isinstance(value, int) and abs(value) >= 1 << 63 else value

    def sound(self, written: Written, body: bytes, planted: list[Row]) -> list[int]:
        """Return the rows that SQLite reads; a database whose structure is damaged is set aside as a whole."""
        with tempfile.NamedTemporaryFile() as target:
            Path(target.name).write_bytes(body)
            try:
                con = sqlite3.connect(f"file:{target.name}?mode=ro&immutable=1", uri=True)
                con.text_factory = lambda value: value.decode("utf-8", "replace")
                verdict = con.execute("PRAGMA quick_check(1)").fetchall()
                held = con.execute(f"SELECT {', '.join(COLUMNS)} FROM posts").fetchall()
                con.close()
            except (sqlite3.Error, UnicodeError, OverflowError):
                return []
        if verdict != [("ok",)] or len(body) < len(written.body):
            return []
        return [n for n, row in enumerate(planted) if tuple(row[name] for name in COLUMNS) in held]
