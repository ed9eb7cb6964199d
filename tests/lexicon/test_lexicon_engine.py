"""The engine on nasty texts, against `re` and brute force; its sums, shares, slices and refusals."""

import functools
import re

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lexicon_helpers import MINIMAL, frame_of, oracle_pattern

from pipeline.lexicon import Card, Engine
from pipeline.lexicon.card import parse_card
from pipeline.lexicon.lower import lower_exact
from pipeline.lexicon.tokens import TOKEN_PATTERN, token_starts

BOUNDED = [
    "no",
    "no no",
    "thank(s| you)?",
    "[- ]by",
    "ας",
    "i̇",
    "x\u0301?",
    "step[- ]by[- ]step",
    "né",
    "c\\+\\+",
    "²",
]
LOOSE = ['"op"', "no", "\u200d", "\n!", "σ", "o n", "aa"]
PIECES = [
    "no", "NO", "thank", "thanks", "thank you", "step-by step", "Σ", "ΑΣ", "ας", "İ", "i\u0307", "x", "\u0301",
    "\u200d", "²", "né", "ne\u0301", "_", "'", "’", " ", "  ", "\n", "\x00", "\x1f", "\u00a0", "\u2028", "🤖",
    "👩\u200d🔬", '"op"', "\n!", "-by", "c++", "ǅ", "ß", "\u0378", "\U00010d50", "\u1c89", "字", "٣", "\ufeff",
    "𝐧𝐨", "no no no", "aaaa", "aaa",
]  # fmt: skip
texts_strategy = st.lists(
    st.one_of(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), st.text(max_size=20)), max_size=6
)


@functools.cache
def nasty(counting: str) -> tuple[Card, Engine]:
    categories = [
        {"name": "bounded", "entries": BOUNDED},
        {"name": "loose", "boundary": "none", "entries": [{"pattern": e, "weight": 0.5} for e in LOOSE]},
    ]
    card = parse_card({**MINIMAL, "counting": counting, "total": "all", "cap": 7, "categories": categories})
    return card, Engine([card], slice_bytes=48)


def entry_counts(card: Card, text: str) -> dict[tuple[str, str], int]:
    """Count by `re.findall` on `str.lower()`."""
    counts = {}
    for category in card.categories:
        for entry in category.entries:
            n = len(list(oracle_pattern(entry.pattern, entry.boundary).finditer(text.lower())))
            counts[category.name, entry.pattern] = min(n, 1) if card.counting == "presence" else n
    return {key: n for key, n in counts.items() if n}


@pytest.mark.parametrize("counting", ["presence", "occurrence"])
@settings(max_examples=150, deadline=None)
@given(texts=texts_strategy)
def test_counts_are_those_of_re(counting: str, texts: list[str]) -> None:
    card, engine = nasty(counting)
    found = engine.entry_counts(frame_of(texts))
    expected = [(f"{n:08d}", *key, count) for n, t in enumerate(texts) for key, count in entry_counts(card, t).items()]
    assert found.select("text_hash", "category", "entry", "count").rows() == sorted(expected)


def covered_tokens(card: Card, text: str, categories: set[str]) -> int:
    """Count tokens inside matches by trying every substring."""
    text = text.lower()
    boundary = re.compile(r"\b")
    starts = set()
    spans = [(i, j) for i in range(len(text)) for j in range(i + 1, min(len(text), i + 14) + 1)]
    for category in card.categories:
        for entry in category.entries if category.name in categories else ():
            for i, j in spans:
                free = entry.boundary == "none" or (boundary.match(text, i) and boundary.match(text, j))
                if free and re.compile(entry.pattern).fullmatch(text, i, j):
                    inner = text[i:j].encode()
                    starts |= {len(text[:i].encode()) + at for at in token_starts([inner.decode()])[0]}
    return len(starts)


@settings(max_examples=80, deadline=None)
@given(texts=texts_strategy)
def test_sums_and_shares_are_those_of_brute_force(texts: list[str]) -> None:
    card, engine = nasty("presence")
    weight = {(c.name, e.pattern): e.weight for c in card.categories for e in c.entries}
    frame = frame_of(texts)
    expected = []
    for (name, text, n_tokens), names in (
        (r, n) for r in frame.rows() for n in ({"bounded"}, {"loose"}, {"bounded", "loose"})
    ):
        counts = {key: n for key, n in entry_counts(card, text).items() if key[0] in names}
        if not counts:
            continue
        category, cap = ("all", 7) if len(names) == 2 else (*names, 10**9)
        share = min(covered_tokens(card, text, names), n_tokens) / n_tokens if n_tokens else None
        weights = sum(weight[key] * n for key, n in counts.items())
        expected.append((name, "mini", category, min(sum(counts.values()), cap), weights, share))
    assert engine.score(frame).rows() == sorted(expected, key=lambda row: row[:3])


@settings(deadline=None)
@given(st.lists(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join))))
def test_lower_case_is_that_of_python(texts: list[str]) -> None:
    series = pl.Series(texts, dtype=pl.String)
    assert lower_exact(series).to_list() == [text.lower() for text in texts]
    assert series.to_list() == texts


def test_long_chains_of_overlaps_take_linear_time() -> None:
    card = parse_card({**MINIMAL, "counting": "occurrence", "categories": [{"name": "a", "entries": ["a a"]}]})
    scores = Engine([card]).score(frame_of(["a " * 200_001]))
    assert scores["count"].to_list() == [100_000]


def test_slices_batches_and_order_do_not_matter(engine: Engine, cards: tuple[Card, ...]) -> None:
    texts = [f"run {'no ' * (n % 7)}token{' thanks' * (n % 3)} Σ{n} é" for n in range(500)] + [""]
    frame = frame_of(texts)
    whole = engine.score(frame)
    assert whole.height > 1000
    assert whole.equals(Engine(tuple(reversed(cards)), slice_bytes=2_000).score(frame.reverse()))
    assert whole.equals(Engine(cards, slice_bytes=2_000, threads=1).score(frame))
    assert whole.equals(Engine(cards, slice_bytes=2_000, threads=3).score(frame))
    batches = engine.score_batches(frame.slice(at, 100) for at in range(0, 501, 100))
    assert pl.concat(batches).equals(whole)
    assert whole.equals(whole.sort("text_hash", "lexicon", "category"))


def test_literals_do_not_reach_across_texts() -> None:
    card = parse_card({**MINIMAL, "boundary": "none", "categories": [{"name": "a", "entries": ["ab", "bc"]}]})
    assert Engine([card], slice_bytes=10**6).score(frame_of(["a", "b", "", "cab", "c"]))["text_hash"].to_list() == [
        "00000003"
    ]


def test_empty_input_has_the_schema(engine: Engine) -> None:
    empty = engine.score(frame_of([]))
    assert empty.is_empty()
    assert empty.columns == ["text_hash", "lexicon", "category", "count", "weight_sum", "share"]


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (frame_of(["a"]).drop("n_tokens"), "lack the columns"),
        (frame_of(["a", "b"]).with_columns(text_hash=pl.lit("x")), "twice"),
        (frame_of(["a"]).with_columns(text=pl.lit(None, pl.String)), "nulls"),
        (frame_of(["a"]).with_columns(text=pl.lit(1)), "type"),
    ],
)
def test_unsupported_input_is_refused(engine: Engine, texts: pl.DataFrame, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        engine.score(texts)


def test_token_rule_is_documented_for_rust() -> None:
    assert TOKEN_PATTERN == r"[\p{L}\p{N}_]+(?:['’][\p{L}\p{N}_]+)*"
