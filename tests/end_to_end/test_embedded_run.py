"""A corpus with the real teacher: distilled, mapped, written, judged, and read by the measures of convergence."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from pipeline.settings import Settings
from pipeline.simulation import ForumTruth, demo_moltbook
from pipeline.steps import STEPS, run_step
from pipeline.warehouse import Warehouse

KEYS = (
    "corpus/ingestion", "feature/text", "feature/embedding", "analysis/measure/embedding", "feature/template",
    "analysis/measure/convergence", "analysis/estimate/convergence", "feature/persona_embedding",
    "feature/persona_alignment", "analysis/measure/persona", "analysis/estimate/persona",
)  # fmt: skip
TEACHER_TEXTS = 100


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Warehouse:
    base = tmp_path_factory.mktemp("embedded")
    demo_moltbook(base / "data" / "demo", ForumTruth(n_posts=600))
    card = (base / "data" / "demo" / "corpus.toml").read_text()
    (base / "data" / "demo" / "corpus.toml").write_text(
        card.replace("teacher_texts = 300", f"teacher_texts = {TEACHER_TEXTS}")
    )
    folders = {"ETHOGRAM_DATA": str(base / "data"), "ETHOGRAM_WAREHOUSE": str(base / "warehouse")}
    store = Warehouse(Settings.load(folders))  # no ETHOGRAM_TEACHER: the installed package
    for key in KEYS:
        outcome = run_step(STEPS[key], store, "demo")
        assert all(check.passed for check in outcome.checks), key
    return store


def test_every_text_has_one_vector_of_length_one(warehouse: Warehouse) -> None:
    texts = warehouse.read("text", "demo").collect()
    vectors = warehouse.read("embedding", "demo").collect()
    by_rung = {rung[0]: frame for rung, frame in vectors.partition_by("rung", as_dict=True).items()}
    assert by_rung["static"]["text_hash"].to_list() == sorted(texts["text_hash"].to_list())
    assert by_rung["full"].height == TEACHER_TEXTS
    lengths = np.linalg.norm(np.array(vectors["vector"].to_list(), dtype=np.float64), axis=1)
    assert np.allclose(lengths, 1, atol=2e-3)  # half precision


def test_the_cheap_vectors_rank_pairs_like_the_teacher(warehouse: Warehouse) -> None:
    rows = warehouse.read("measure", "demo", "embedding").collect()
    row = rows.row(by_predicate=pl.col("measure_id") == "fidelity_spearman_static", named=True)
    assert row["ci_low"] < row["value"] < row["ci_high"]
    assert row["value"] > 0.5  # 0.8 here; a map or a row order gone wrong gives about 0


def test_convergence_reads_them(warehouse: Warehouse) -> None:
    rows = warehouse.read("measure", "demo", "convergence").collect()
    within = rows.filter((pl.col("measure_id") == "within_similarity") & pl.col("value").is_not_null())
    assert within.height > 0
    assert within["value"].is_between(-1, 1).all()


def test_messages_are_set_beside_the_descriptions_of_their_authors(warehouse: Warehouse) -> None:
    rows = warehouse.read("persona_alignment", "demo").collect()
    messages = warehouse.read("message", "demo").collect()
    described = warehouse.read("agent", "demo").collect().filter(pl.col("persona").str.contains(r"\w"))
    expected = messages.join(described, on="agent_id", how="semi")
    texts = warehouse.read("text", "demo").collect().filter(pl.col("n_tokens") > 0)
    assert rows.height == expected.join(texts, on="text_hash", how="semi").height > 0
    full = warehouse.read("embedding", "demo").collect().filter(pl.col("rung") == "full")
    read = expected.join(full, on="text_hash", how="semi").height
    assert rows["similarity_full"].count() == read > 0  # the teacher has read every description that it needs
    both = rows.drop_nulls()
    fit = np.corrcoef(both["similarity_static"].to_numpy(), both["similarity_full"].to_numpy())[0, 1]
    assert fit > 0.3  # a map or a row order gone wrong gives about 0


def test_a_second_run_does_nothing(warehouse: Warehouse) -> None:
    assert all(run_step(STEPS[key], warehouse, "demo").is_skipped for key in KEYS)
