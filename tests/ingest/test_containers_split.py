"""Where a large document is cut changes nothing: the pieces together hold each element once, in order."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ingest.containers.brackets import Scanner
from pipeline.ingest.containers.split import Piece, array_pieces, object_pieces
from pipeline.ingest.containers.streams import FileStream
from pipeline.ingest.repair import Rejected

TEXTS = st.text(st.sampled_from('ab"\\{}[],: \n\té\U0001f600'), max_size=6)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 99) | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.lists(st.fixed_dictionaries({"id": st.integers(0, 99), "v": VALUES}), min_size=1, max_size=20)
SIZES = {"piece": st.integers(1, 80), "chunk": st.integers(1, 40), "indent": st.sampled_from([None, 1])}


def parts(text: bytes, piece: int, chunk: int) -> tuple[list[Any], list[Rejected]]:
    """Return the documents of the pieces, and what was set aside."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_bytes(text)
        is_array = text.lstrip().startswith(b"[")
        found = list(array_pieces(FileStream(path), piece, chunk) if is_array else object_pieces(path, piece, chunk))
    for part in found:  # the offset is where the first element stands
        if isinstance(part, Piece):
            assert text[part.offset : part.offset + 1] == (part.text[1:2] if is_array else text[part.offset :][:1])
    rejected = [part for part in found if isinstance(part, Rejected)]
    return [json.loads(part.text) for part in found if isinstance(part, Piece)], rejected


@settings(max_examples=150, deadline=None)
@given(st.lists(VALUES, max_size=12), SIZES["piece"], SIZES["chunk"], SIZES["indent"])
def test_arrays(values: list[Any], piece: int, chunk: int, indent: int | None) -> None:
    made, rejected = parts(json.dumps(values, indent=indent).encode() + b"\n", piece, chunk)
    assert [value for part in made for value in part] == values
    assert not rejected


@settings(max_examples=100, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=12), SIZES["piece"], SIZES["chunk"], st.floats(0.01, 0.99))
def test_arrays_that_were_cut(values: list[Any], piece: int, chunk: int, share: float) -> None:
    text = json.dumps(values, ensure_ascii=False).encode()
    text = text[: max(int(len(text) * share), 1)]
    made, rejected = parts(text, piece, chunk)
    flat = [value for part in made for value in part]
    assert flat == values[: len(flat)]
    assert [r.reason for r in rejected] == ["truncated_json"]
    assert rejected[0].offset <= len(text)


@settings(max_examples=100, deadline=None)
@given(RECORDS, RECORDS, SIZES["piece"], SIZES["chunk"], SIZES["indent"])
def test_envelopes(posts: list[Any], comments: list[Any], piece: int, chunk: int, indent: int | None) -> None:
    document = {"ok": True, "post": {"id": "p", "t": "[{"}, "comments": comments, "data": {"posts": posts, "n": 5},
                "at": "2026"}  # fmt: skip
    made, rejected = parts(json.dumps(document, indent=indent).encode(), piece, chunk)
    assert not rejected
    assert all((part["ok"], part["at"]) == (True, "2026") for part in made)
    assert [c for part in made for c in part.get("comments", [])] == comments
    assert [p for part in made for p in part.get("data", {}).get("posts", [])] == posts
    assert sum("post" in part for part in made) == 1
    assert all(part["post_id"] == "p" for part in made if "post" not in part)


@settings(max_examples=60, deadline=None)
@given(st.integers(40, 80), SIZES["chunk"], st.integers(200, 900), SIZES["indent"])
def test_dictionaries(n: int, chunk: int, piece: int, indent: int | None) -> None:
    entries = {f'k"{k}': {"id": k, "v": ["[", {"x": k}]} for k in range(n)}
    made, rejected = parts(json.dumps({"seen": "x", **entries, "n": 7}, indent=indent).encode(), piece, chunk)
    assert not rejected
    assert len(made) > 1
    assert all((part["seen"], part["n"]) == ("x", 7) for part in made)
    assert [pair for part in made for pair in part.items() if pair[0] not in ("seen", "n")] == [*entries.items()]


@settings(max_examples=100, deadline=None)
@given(VALUES, st.integers(1, 9))
def test_brackets_against_a_reader_of_single_characters(value: Any, chunk: int) -> None:
    text = json.dumps([value], ensure_ascii=False).encode()
    expected, depth, is_string, is_escaped = [], 0, False, False
    for place, byte in enumerate(text):
        if is_string:
            is_string = is_escaped or byte != 34
            is_escaped = byte == 92 and not is_escaped
        elif byte == 34:
            is_string = True
        elif byte in b"[{]}":
            depth += 1 if byte in b"[{" else -1
            expected.append((place, depth))
    scanner, found = Scanner(), []
    for start in range(0, len(text), chunk):
        brackets = scanner.feed(np.frombuffer(text[start : start + chunk], np.uint8))
        found += [(start + int(p), int(d)) for p, d in zip(brackets.places, brackets.after, strict=True)]
    assert found == expected
