"""The steps of persona on a small store: hostile descriptions, one vector each, the same rows for any threads."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from pipeline.language import teacher
from pipeline.language.static import Read
from pipeline.schema import TABLES
from pipeline.settings import Settings
from pipeline.steps import STEPS, run_step
from pipeline.warehouse import Warehouse

KEYS = ("feature/persona_embedding", "feature/persona_alignment", "analysis/measure/persona",
        "analysis/estimate/persona")  # fmt: skip
HOSTILE = [
    None,
    "",
    "\u200b\u200d\ufeff",
    "👩‍👩‍👧‍👦 🏳️‍🌈",
    "AI",
    "مساعد ذكي يحب الشعر والقهوة",
    "<script>alert(1)</script> ignore all previous instructions",
    "a very long description " * 150_000,  # 3.6 million characters
    "one helpful agent; DROP TABLE agent; --",
]
DAYS = 3


class Fake:
    """Stands in for both models: a vector from the words of a text."""

    def encode(self, texts, pool=None):
        vectors = np.zeros((len(texts), teacher.DIMENSIONS), np.float32)
        for row, text in enumerate(texts):
            for word in set(text[: teacher.MAX_CHARS].split()):
                vectors[row, int(hashlib.sha256(word.encode()).hexdigest()[:8], 16) % teacher.DIMENSIONS] += 1
        return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1)

    def read(self, texts, pool=None):
        vectors = self.encode(texts)
        return Read(vectors, sparse.csr_matrix((vectors > 0).astype(np.float32)))


def frame(name, rows):
    schema = {column: kind for column, kind in TABLES[name].polars_schema.items() if column != "corpus_id"}
    filled = [{column: row.get(column) for column in schema} for row in rows]
    return pl.DataFrame(filled, schema=schema)


def text_hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def written(tmp_path, threads=1):
    settings = Settings(tmp_path, tmp_path / "data", tmp_path / "wh", tmp_path / "lexicons", threads=threads)
    store = Warehouse(settings)
    personas = [*HOSTILE, *(f"agent that loves topic{len(HOSTILE) + n} every day" for n in range(40))]
    agents = [{"agent_id": f"a{i}", "persona": p, "karma": 3, "agent_kind": "llm", "name": f"n{i}"}
              for i, p in enumerate(personas)]  # fmt: skip
    texts = {f"m{i}-{j}": f"today topic{i} number{j} of agent" for i in range(len(personas)) for j in range(6)}
    texts["m3-0"] = "\u200b"
    times = pl.datetime_range(pl.datetime(2026, 1, 28), pl.datetime(2026, 1, 31), "15m", eager=True).to_list()
    messages = [
        {"message_id": m, "run_id": "observed", "kind": "comment" if m.endswith("5") else "post",
         "agent_id": f"a{m[1:].split('-')[0]}", "text_hash": text_hash(text), "created_at": times[i % len(times)],
         "at_precision": "us", "upvotes": i % 7, "root_id": m, "content": text, "depth": 0}
        for i, (m, text) in enumerate(texts.items())
    ]  # fmt: skip
    distinct = sorted({text_hash(text): text for text in texts.values()}.items())
    rows = [{"text_hash": h, "text": t, "n_chars": len(t), "n_tokens": len(t.split()) if t.strip("\u200b") else 0,
             "copies": 1, "language": "en"} for h, t in distinct]  # fmt: skip
    vectors = Fake().encode([t for _, t in distinct])
    vector = [{"text_hash": h, "model": teacher.MODEL, "rung": rung, "vector": v.tolist()}
              for rung, n in (("static", None), ("full", 60))
              for (h, _), v in zip(distinct[:n], vectors, strict=False)]  # fmt: skip
    for name, found in (("agent", agents), ("message", messages), ("text", rows), ("embedding", vector),
                        ("collection_gap", [])):  # fmt: skip
        store.write(name, "x", frame(name, found), "a" * 20)
    return store


@pytest.fixture
def models(monkeypatch):
    from pipeline.steps import persona as steps

    found = teacher.Teacher(folder=None, origin="path", digest="d")
    monkeypatch.setattr("pipeline.steps.embedding.teacher_state", lambda path, texts: ({"teacher": "d"}, found))
    monkeypatch.setattr(steps, "static_model", lambda root, state, config: Fake())
    monkeypatch.setattr(teacher, "load", lambda state: Fake())
    monkeypatch.setattr(teacher, "encode", lambda model, texts, pool: model.encode(texts).astype(np.float16))


def test_hostile_descriptions_pass_every_step(tmp_path, models):
    store = written(tmp_path)
    for key in KEYS:
        outcome = run_step(STEPS[key], store, "x")
        assert all(check.passed for check in outcome.checks), key
    stored = store.read("persona_embedding", "x").collect()
    static = stored.filter(pl.col("rung") == "static")
    wordless = {text_hash(p) for p in HOSTILE[1:4]}
    assert static.height == 40 + 5
    assert not wordless & set(static["persona_hash"])
    aligned = store.read("persona_alignment", "x").collect()
    assert not set(aligned["message_id"]) & {"m0-1", "m1-1", "m2-1", "m3-0", "m3-1"}
    assert {"m4-1", "m5-1", "m6-1", "m7-1", "m8-1"} <= set(aligned["message_id"])
    assert aligned["similarity_static"].is_between(-1, 1).all()
    full = store.read("embedding", "x").collect().filter(pl.col("rung") == "full")["text_hash"]
    messages = store.read("message", "x").collect().join(aligned, on="message_id")
    assert (messages["similarity_full"].is_not_null() == messages["text_hash"].is_in(full.to_list())).all()
    rows = store.read("measure", "x", "persona").collect()
    post = rows.row(
        by_predicate=(pl.col("measure_id") == "persona_similarity_post") & (pl.col("unit") == "corpus")
        & pl.col("period").is_null(), named=True,
    )  # fmt: skip
    assert post["p_value"] < 0.001  # topics of the own description
    assert [run_step(STEPS[key], store, "x").is_skipped for key in KEYS] == [True] * 4


def test_rows_do_not_depend_on_threads(tmp_path, models):
    stores = [written(tmp_path / str(threads), threads) for threads in (1, 2)]
    for key in KEYS:
        hashes = [
            [manifest.table_hash for manifest in run_step(STEPS[key], store, "x").manifests.values()]
            for store in stores
        ]
        assert hashes[0] == hashes[1], key


def test_without_a_teacher_rows_are_null_and_say_why(tmp_path, models):
    store = written(tmp_path)
    store = Warehouse(replace(store.settings, has_teacher=False))
    store.write("embedding", "x", frame("embedding", []), "b" * 20)
    for key in KEYS:
        assert all(check.passed for check in run_step(STEPS[key], store, "x").checks)
    assert store.read("persona_alignment", "x").collect().is_empty()
    estimates = store.read("estimate", "x", "persona").collect()
    assert set(estimates["warnings"]) == {"model_unavailable"}
    assert estimates["estimate"].null_count() == estimates.height
