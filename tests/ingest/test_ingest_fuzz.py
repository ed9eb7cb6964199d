"""Mutated bodies: nothing crashes, the account is exact, and the lines that were left alone arrive unchanged."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from fuzzing import TIMES
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ingest_helpers import Corpus, comment, detail, flat, post

ODD = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(max_size=8), st.just([]), st.just({}),
    st.lists(st.integers(), max_size=2), st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)  # fmt: skip
RECORDS = st.sampled_from(
    [post(700), flat(700), detail(700, [comment(700, [comment(701)])]),
     {"success": True, "posts": [post(700), post(701)]},
     {"success": True, "agent": {"id": "a7", "name": "N", "karma": 1, "owner": {"x_handle": "h"}}},
     {"timestamp": 1769844600123, "data": {"posts": [post(702)]}}, {"submolts": [{"name": "s", "subscriber_count": 1}]}]
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Return the bytes of a body of which a key, a value or a few bytes were changed."""
    body = json.loads(json.dumps(draw(RECORDS)))
    target = body
    for _ in range(draw(st.integers(0, 3))):
        inner = [
            v for v in (target.values() if isinstance(target, dict) else target) if isinstance(v, dict | list) and v
        ]
        if inner:
            target = draw(st.sampled_from(inner))
    kind = draw(st.sampled_from(["value", "delete", "bytes", "cut"]))
    keys = list(target) if isinstance(target, dict) else list(range(len(target)))
    if kind == "value":
        target[draw(st.sampled_from(keys))] = draw(ODD)
    elif kind == "delete":
        del target[draw(st.sampled_from(keys))]
    line = json.dumps(body).encode()
    if kind == "cut":
        return line[: draw(st.integers(1, len(line) - 1))]
    if kind == "bytes":
        at = draw(st.integers(0, len(line) - 1))
        return (line[:at] + draw(st.binary(min_size=1, max_size=3)) + line[at + 1 :]).replace(b"\n", b" ")
    return line


@settings(max_examples=12 * TIMES, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.lists(mutated(), min_size=20, max_size=40))
def test_mutated_bodies(bodies: list[bytes]) -> None:
    """About four hundred bodies, each once as a line between sound lines and once as a file."""
    with tempfile.TemporaryDirectory() as base:
        corpus = Corpus(Path(base))
        lines: list[bytes] = []
        for number, body in enumerate(bodies):
            lines += [json.dumps(flat(number, content=f"sound {number}")).encode(), body]
            corpus.write(f"posts/{number}.json", body)
        corpus.write("all.jsonl", b"\n".join(lines))
        tables = corpus.read()
        kept = tables.messages
        for number in range(len(bodies)):
            assert kept[flat(number)["id"]]["content"] == f"sound {number}"
        for number in range(len(bodies)):
            assert f"posts/{number}.json" in tables.files
