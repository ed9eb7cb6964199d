"""The curve of AIRS shares: the grid and its rows, shares counted by hand, controls that hold and one that must not."""

from __future__ import annotations

import itertools
import re

import duckdb
import numpy as np
import polars as pl
import pytest
from scipy import stats

from pipeline.activity.row import Sampling
from pipeline.inference.airs_estimates import airs_estimates, chosen, read_airs_posts
from pipeline.inference.airs_grid import load_airs_grid
from pipeline.inference.grid_entries import read_choices
from pipeline.lexicon import Engine, card_by_id, load_cards
from pipeline.published.printed_estimates import PRINTED
from pipeline.report.plots import plot_table
from pipeline.schema import estimate_frame

CARD = card_by_id(load_cards(), "airs")
SAMPLING = Sampling(seed=3, bootstrap_draws=400)
MINT = '{"p":"mbc-20"} token'


def connect(posts):
    """Views of posts of (agent, title, content, language), in the order of time."""
    frame = pl.DataFrame(
        [
            (f"p{i:05d}", "post", agent, "c", f"p{i:05d}", title, content, f"{title}\n{content}", language, i)
            for i, (agent, title, content, language) in enumerate(posts)
        ],
        schema={
            "message_id": pl.String, "kind": pl.String, "agent_id": pl.String, "community_id": pl.String,
            "root_id": pl.String, "title": pl.String, "content": pl.String, "text": pl.String, "language": pl.String,
            "step": pl.Int64,
        },
        orient="row",
    ).with_columns(
        text_hash=pl.col("text").hash().cast(pl.String), created_at=pl.lit(None, pl.Datetime("us")),
        at_precision=pl.lit(None, pl.String),
    )  # fmt: skip
    text = frame.select("text_hash", "text", "language", n_chars=pl.col("text").str.len_chars()).unique("text_hash")
    scores = Engine([CARD]).score(text.select("text_hash", "text", n_tokens=pl.lit(9, pl.Int64)))
    minted = text.filter(pl.col("text").str.contains("mbc-20", literal=True)).select(
        "text_hash", lexicon=pl.lit("token_mint"), category=pl.lit("mint"), count=pl.lit(1, pl.Int64),
        weight_sum=pl.lit(1.0), share=pl.lit(0.1),
    )  # fmt: skip
    con = duckdb.connect()
    tables = {"message": frame.drop("text", "language"), "text": text, "lexicon_score": pl.concat([scores, minted])}
    for name, table in tables.items():
        con.register("given", table.to_arrow())
        con.execute(f"CREATE TABLE {name} AS SELECT * FROM given")
        con.unregister("given")
    return con


def world(seed=1, authors=60, per_author=12, copies=0.2):
    """Posts of authors of their own habits; titles and contents with and without patterns, copies, mints, German."""
    rng = np.random.default_rng(seed)
    titles, ends = ("a day", "how to live", "my token"), ("a thought", "you should run it", "the password of mine")
    posts = []
    for a in range(authors):
        habit = rng.dirichlet((1, 1, 1))
        for i in range(per_author):
            title = titles[rng.choice(3, p=[0.8, 0.1, 0.1])]
            content = f"{ends[rng.choice(3, p=habit)]} {a} {i}"
            if rng.random() < 0.1:
                content = f"{MINT} {rng.integers(4)}"
            elif rng.random() < copies:
                content = f"{ends[rng.integers(3)]} again"
            language = "de" if (len(content) + len(title)) % 7 == 0 else "en"  # a text has one language
            posts.append((f"u{a}", title, content, language))
    return posts


def by_choices(rows):
    ids = {row.spec_id: row for row in rows}
    return {
        (s.part, s.text, s.copies, s.token_mint, s.unit, s.language): ids[s.spec_id] for s in load_airs_grid()
    }  # fmt: skip


def test_every_combination_is_a_row_and_the_published_choice_is_primary():
    grid = load_airs_grid()
    assert len(grid) == 3 * 2 * 2 * 2 * 2 * 2 + 7
    assert len({spec.spec_id for spec in grid}) == len(grid)
    assert [spec.role for spec in grid].count("primary") == 1
    assert grid[0].formula == "any of title and content, by post | copies kept | token mint kept | language all"
    rows = airs_estimates(connect(world()), CARD, SAMPLING)
    assert [row.spec_id for row in rows] == [spec.spec_id for spec in grid]
    assert {row.family for row in rows} == {"airs"}
    printed = {PRINTED[f"airs_positive_{text}_share"].spec_id for text in ("content", "title")}
    assert printed <= {spec.spec_id for spec in grid}
    assert plot_table("estimate", "airs", estimate_frame(rows).lazy())[:4] == b"\x89PNG"


ACTION = re.compile(r"\b(how to|you should|run)\b")
SENSITIVE = re.compile(r"\b(token|password)\b")


def test_shares_are_those_of_a_plain_count():
    """Every combination of choices, counted by loops over the posts that were made."""
    posts = world(2)
    found = by_choices(airs_estimates(connect(posts), CARD, SAMPLING))
    seen: set[str] = set()
    table = []
    for author, title, content, language in posts:
        whole = f"{title}\n{content}"
        texts = {"title_and_content": whole, "content": content, "title": title}
        table.append((author, texts, language, "mbc-20" in whole, whole not in seen))
        seen.add(whole)
    keys = itertools.product(
        ("any", "action", "sensitive"), ("title_and_content", "content"), ("kept", "first_only"), ("kept", "dropped"),
        ("post", "author"), ("all", "en"),
    )  # fmt: skip
    for part, text, copies, mint, unit, language in keys:
        hits: dict[str, list[bool]] = {}
        for author, texts, said, is_mint, is_first in table:
            if (language == "en" and said != "en") or (copies == "first_only" and not is_first):
                continue
            if mint == "dropped" and is_mint:
                continue
            action, sensitive = bool(ACTION.search(texts[text])), bool(SENSITIVE.search(texts[text]))
            hit = {"any": action or sensitive, "action": action, "sensitive": sensitive}[part]
            hits.setdefault(author, []).append(hit)
        every = [hit for own in hits.values() for hit in own]
        means = [sum(own) / len(own) for own in hits.values()]
        value = sum(every) / len(every) if unit == "post" else sum(means) / len(means)
        row = found[part, text, copies, mint, unit, language]
        assert row.estimate == pytest.approx(value, abs=1e-12), row.model
        assert (row.n_obs, row.n_agents) == (len(every), len(hits))
        assert row.conf_low < value < row.conf_high
    title = found["any", "title", "kept", "kept", "post", "all"]
    assert title.estimate == np.mean([bool(ACTION.search(p[1]) or SENSITIVE.search(p[1])) for p in posts])


def test_the_error_is_that_of_a_regression_clustered_by_author():
    """statsmodels' sandwich of the mean; its factor (n − 1)/(n − 1) is one for a single term."""
    import statsmodels.api as sm

    con = connect(world(3))
    row = airs_estimates(con, CARD, SAMPLING)[0]
    posts = chosen(load_airs_grid()[0], read_airs_posts(con, CARD))
    fit = sm.OLS(posts["hit"].to_numpy().astype(float), np.ones(posts.height)).fit(
        cov_type="cluster", cov_kwds={"groups": posts["author"].to_numpy()}
    )
    assert row.std_error == pytest.approx(float(fit.bse[0]), rel=1e-9)


def test_placebos_drop_as_many_posts_and_the_coin_is_fair():
    con = connect(world(4, copies=0.0))
    found = by_choices(airs_estimates(con, CARD, SAMPLING))
    whole = found["any", "title_and_content", "kept", "kept", "post", "all"]
    for copies, mint in (("as_many_at_random", "kept"), ("kept", "as_many_at_random")):
        placebo = found["any", "title_and_content", copies, mint, "post", "all"]
        real = (
            {"as_many_at_random": "first_only"}.get(copies, "kept"),
            {"as_many_at_random": "dropped"}.get(mint, "kept"),
        )
        assert placebo.n_obs == found["any", "title_and_content", *real, "post", "all"].n_obs
        assert placebo.null_mean == whole.estimate
        assert placebo.p_value > 0.001
        n, left = whole.n_obs, placebo.n_obs
        drawn = stats.hypergeom(n, whole.n_events, left)
        assert placebo.null_sd == pytest.approx(drawn.std() / left, rel=1e-9)
    for row in found.values():
        if row.role == "negative_control":
            assert row.null_mean == 0.5
            assert abs(row.statistic) < 4


def test_the_coin_tells_that_copies_make_an_interval_too_short():
    """One text by all authors: authors drawn anew say that the coin is certain, and the first posts are one."""
    con = connect([(f"u{a}", "", "the same words", "en") for a in range(100)])
    rows = {row.spec_id: row for row in airs_estimates(con, CARD, SAMPLING)}
    coin = [rows[s.spec_id] for s in load_airs_grid() if s.part == "hash" and s.copies == "kept"]
    assert all(row.estimate in (0.0, 1.0) and "no_variation" in row.warnings for row in coin)


def test_few_posts_and_none():
    rows = airs_estimates(connect([("a", "how to", "x", "en")]), CARD, SAMPLING)
    assert rows[0].estimate == 1.0
    assert rows[0].conf_low is None
    assert "few_agents" in rows[0].warnings
    assert all(
        row.estimate is None and "few_posts" in row.warnings for row in airs_estimates(connect([]), CARD, SAMPLING)
    )


@pytest.mark.parametrize(
    ("entry", "word"), [({"role": "placebo", "colour": "red"}, "colour"), ({"part": "any"}, "no role")]
)
def test_a_wrong_entry_is_refused(monkeypatch, tmp_path, entry, word):
    lines = [f'{key} = "{value}"' for key, value in entry.items()]
    (tmp_path / "x.toml").write_text('[choices]\npart = ["any"]\n[[spec]]\n' + "\n".join(lines))
    monkeypatch.setattr("pipeline.inference.grid_entries.files", lambda _: tmp_path)
    with pytest.raises(ValueError, match=word):
        read_choices("x.toml")
