"""From stored texts to rows: vocabulary, diversity, turnover, cohorts."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from planted_words import START, connect, society, words
from scipy import sparse

from pipeline.activity.row import Sampling
from pipeline.language.clock import read_clock
from pipeline.socialisation.cohorts import accumulated, cohort_measures
from pipeline.socialisation.diversity import OF_STREAM, OF_TEXTS, diversity_measures
from pipeline.socialisation.periods import read_period_texts
from pipeline.socialisation.turnover import count_ngrams, shares, turnover_measures
from pipeline.socialisation.vocabulary import count_types, vocabulary_measures

SAMPLING = Sampling(seed=4, bootstrap_draws=10, null_draws=40, clustering_draws=20)


def by_name(rows):
    return {(r.measure_id, (r.null_model or "").split("(")[0]): r for r in rows if r.period is None}


def texts_of(lists: list[tuple[str, str]]):
    """A corpus of pairs of author and text, one minute apart."""
    messages = [
        {
            "message_id": f"m{i:05d}",
            "agent_id": a,
            "text_hash": f"h{hash_of(t)}",
            "created_at": START + timedelta(minutes=i),
        }
        for i, (a, t) in enumerate(lists)
    ]
    return connect(messages, {f"h{hash_of(t)}": t for _, t in lists}, {}, {})


def hash_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_every_copy_is_counted_and_tokens_without_a_letter_are_not(tmp_path):
    lists = [("a", "Don't STOP, don't 42"), ("b", "Don't STOP, don't 42"), ("c", "日本 stop ok_1")]
    con = texts_of(lists)
    counts = count_types(con, tmp_path, 1)
    known = Counter(w for _, t in lists for w in re.findall(r"[\w]+(?:'[\w]+)*", t.lower()) if re.search("[a-z]", w))
    assert sorted(counts.sum(axis=1)) == sorted(known.values())
    rows = {r.measure_id: r for r in vocabulary_measures(con, tmp_path, SAMPLING, [])}
    assert rows["n_tokens"].value == sum(known.values()) == 8
    assert rows["n_token_types"].value == 3
    assert rows["zipf_exponent"].value is None
    assert rows["zipf_exponent"].warnings == "few_texts"


def test_shuffled_tokens_are_told_from_phrases_and_styles():
    rng = np.random.default_rng(1)
    phrases = [words(rng, 6) for _ in range(400)]
    styles = rng.integers(0, 400, size=(60, 8))
    lists = [
        (f"a{a}", f"t{a}x{i} " + " ".join(phrases[j] for j in rng.choice(styles[a], size=5)))
        for a in range(60) for i in range(60)
    ]  # fmt: skip
    rows = by_name(diversity_measures(texts_of(lists), SAMPLING, []))
    for name in ("distinct_2", "distinct_3", "self_bleu_4"):
        found = rows[name, "shuffled_tokens"]
        sign = 1 if name == "self_bleu_4" else -1
        assert sign * (found.value - found.null_mean) > 5 * found.null_sd, name
        assert found.ci_low < found.value < found.ci_high
    agent = rows["self_bleu_4_agent", "shuffled_authors"]
    assert agent.value > agent.null_mean + 5 * agent.null_sd
    assert rows["zipf_exponent_mle", ""].null_model is None
    assert rows["distinct_1", ""].n % 10_000 == 0


def test_small_corpora_have_null_rows():
    rows = diversity_measures(texts_of([("a", "one two three four")]), SAMPLING, [])
    assert {r.measure_id for r in rows} == {*OF_STREAM, *OF_TEXTS, "self_bleu_4_agent"}
    assert all(r.value is None and r.warnings in ("few_texts", "few_agents") for r in rows)


def test_births_and_deaths_of_a_planted_phrase():
    rng = np.random.default_rng(5)
    con = society(rng, agents=60, new_words=True)
    rows = by_name(turnover_measures(con, read_clock(con), SAMPLING, []))
    for name in ("ngram_birth_share", "ngram_death_share"):
        for model in ("periods_shuffled", "periods_shuffled_within_agents"):
            # Every day has words of its own: all are born, all die.
            assert rows[name, model].value == 1
            assert rows[name, model].null_mean < 0.9
            assert rows[name, model].p_value == pytest.approx(1 / 21)


def test_births_and_deaths_equal_a_count_by_hand():
    period = np.array([0, 0, 1, 1, 2, 2])
    counts = sparse.csr_array(np.array([
        [1, 1, 0, 0, 1, 1],  # lives in 0 and 2: born in 0, dies in 2
        [0, 0, 2, 0, 0, 1],  # lives in 1
        [1, 0, 1, 0, 1, 0],  # twice in none
        [0, 0, 0, 2, 3, 0],  # born in 1, dies in 2
    ]))  # fmt: skip
    assert shares(counts, period, 3).tolist() == [[1.0, 1.0, 0.0], [0.0, 0.5, 1.0]]


def test_ngrams_are_counted_by_text():
    con = society(np.random.default_rng(6), agents=40, tokens=12)
    chosen = read_period_texts(con, read_clock(con), 1)
    listed = dict(con.sql("SELECT text_hash, text FROM text").fetchall())
    known: Counter = Counter()
    for key in chosen.hashes:
        tokens = listed[key].split()
        known.update(tuple(tokens[i : i + n]) for n in range(1, 6) for i in range(len(tokens) - n + 1))
    counts = count_ngrams(con, chosen)
    assert sorted(counts.sum(axis=1)) == sorted(n for n in known.values() if n >= 2)
    assert chosen.size == 30


def test_cohorts_of_other_words_bring_new_ones():
    token, cohort = np.array([0, 0, 1, 1, 2, 3, 3]), np.array([0, 1, 1, 2, 2, 0, 0])
    assert accumulated(token, cohort, 3).tolist() == [[2.0, 2.0, 2.0], [1.0, 0.5, 0.5]]
    rng = np.random.default_rng(7)
    messages, texts = [], {}
    for cohort_ in range(3):
        for agent in range(12):
            for i in range(4):
                key = f"t{cohort_}-{agent}-{i}"
                texts[key] = words(rng, 30, first=700 * cohort_)
                messages.append({"message_id": key, "agent_id": f"a{cohort_}-{agent}", "text_hash": key,
                                 "created_at": START + timedelta(days=cohort_, minutes=agent * 5 + i)})  # fmt: skip
    con = connect(messages, texts, {}, {})
    rows = by_name(cohort_measures(con, read_clock(con), SAMPLING, []))
    found = rows["cohort_new_type_share", "agents_shuffled_among_cohorts"]
    assert found.n == 30
    assert found.value > found.null_mean + 3 * found.null_sd


HOSTILE = (
    "",
    "\u200b\u200d\ufeff",
    "word " * 700_000,
    "\U0001f468\u200d\U0001f469\u200d\U0001f467 " * 9,
    "שלום עולם שלום עולם מה שלומך",
    "İSTANBUL İ İ İ İ",
)


def test_hostile_texts_pass_every_measure(tmp_path):
    lists = [(f"a{i % 12}", HOSTILE[i % len(HOSTILE)] + (f" x{i}" if i > 20 else "")) for i in range(40)]
    con = texts_of(lists)
    con.execute("UPDATE text SET n_tokens = 0 WHERE length(trim(text)) < 4")
    clock = read_clock(con)
    rows = [
        *vocabulary_measures(con, tmp_path, SAMPLING, []),
        *diversity_measures(con, SAMPLING, []),
        *turnover_measures(con, clock, SAMPLING, []),
        *cohort_measures(con, clock, SAMPLING, []),
    ]
    assert all(r.value is None or np.isfinite(r.value) for r in rows)
    assert next(r.value for r in rows if r.measure_id == "n_tokens") > 700_000


def test_no_message_at_all(tmp_path):
    con = connect([], {}, {}, {})
    rows = [*vocabulary_measures(con, tmp_path, SAMPLING, []), *diversity_measures(con, SAMPLING, [])]
    rows += [
        *turnover_measures(con, read_clock(con), SAMPLING, []),
        *cohort_measures(con, read_clock(con), SAMPLING, []),
    ]
    assert {r.measure_id: r.value for r in rows if r.value is not None} == {"n_tokens": 0, "n_token_types": 0}


def test_order_of_rows_and_threads_do_not_matter(tmp_path):
    found = []
    for order, threads in (("message_id", 1), ("message_id DESC", 2)):
        con = society(np.random.default_rng(9), agents=40)
        con.execute(f"SET threads = {threads}")
        for table in ("message", "text"):
            key = order.replace("message_id", "text_hash")
            con.execute(f"CREATE OR REPLACE TABLE {table} AS SELECT * FROM {table} ORDER BY {key}")
        clock = read_clock(con)
        found.append([
            *vocabulary_measures(con, tmp_path, SAMPLING, []), *diversity_measures(con, SAMPLING, []),
            *turnover_measures(con, clock, SAMPLING, []), *cohort_measures(con, clock, SAMPLING, []),
        ])  # fmt: skip
    assert found[0] == found[1]
