"""The drawings of grids with many choices: every row with a value is drawn, in the colour of its role."""

from __future__ import annotations

import polars as pl
import pytest

from pipeline.inference.airs_grid import load_airs_grid
from pipeline.inference.minting_grid import load_minting_grid
from pipeline.report.html.panels import panels
from pipeline.report.html.share_choices import share_choices
from pipeline.report.persona_curve import MINTING_PANELS, SOCIAL_PANELS
from pipeline.report.share_curve import AIRS_GROUPS, airs_curve
from pipeline.socialisation.grid import HYPOTHESES, load_social_grid


def shares():
    grid = load_airs_grid()
    return pl.DataFrame({
        "spec_id": [spec.spec_id for spec in grid],
        "estimate": [0.2 + 0.001 * i for i in range(len(grid))],
        "conf_low": [0.19] * len(grid),
        "conf_high": [0.35] * len(grid),
        "null_mean": [0.5 if spec.part == "hash" else None for spec in grid],
    })  # fmt: skip


def test_every_share_is_drawn_over_its_choices():
    drawing, n = share_choices("AIRS", shares(), load_airs_grid(), AIRS_GROUPS, "part")
    text = str(drawing)
    assert n == len(load_airs_grid())
    assert text.count("dot role-primary") == 1 + 1 + len(AIRS_GROUPS)  # legend, share, one dot per choice
    for name in ("title and content", "first only", "as many at random", "sensitive", "author"):
        assert f">{name}</text>" in text
    assert share_choices("AIRS", shares().head(0), load_airs_grid(), AIRS_GROUPS, "part") == (None, 0)


def test_the_picture_is_the_same_for_the_same_rows():
    assert airs_curve(shares()) == airs_curve(shares())
    assert airs_curve(shares().with_columns(estimate=pl.lit(None, pl.Float64)))[:4] == b"\x89PNG"


def rows(specs, hypothesis):
    return pl.DataFrame([
        {"spec_id": spec.spec_id, "role": spec.role, "hypothesis_id": spec.hypothesis, "estimate": value,
         "conf_low": None if value is None else value - 0.1, "conf_high": None if value is None else value + 0.1,
         "null_mean": None if value is None else 0.0, "null_sd": 0.05, "model": "<script>alert(1)</script> " * 9}
        for i, spec in enumerate(specs) if spec.hypothesis in hypothesis
        for value in [None if i % 5 == 4 else 0.01 * i]
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("specs", "titles", "hypotheses"),
    [
        (load_minting_grid(), MINTING_PANELS[:2], ("minting_draws_correction", "invaded_communities_complain")),
        (load_social_grid()[0], SOCIAL_PANELS, HYPOTHESES),
    ],
)
def test_each_hypothesis_has_a_drawing_with_all_rows_that_have_a_value(specs, titles, hypotheses):
    frame = rows(specs, hypotheses)
    drawings = panels(frame, titles, lambda row: str(row["model"]))
    assert len(drawings) == len(hypotheses) == len(titles)
    for hypothesis, drawing in zip(hypotheses, drawings, strict=True):
        known = frame.filter((pl.col("hypothesis_id") == hypothesis) & pl.col("estimate").is_not_null())
        text = str(drawing)
        assert text.count('class="dot role-') == known.height
        assert text.count("dot role-primary") == 1
        assert "<script" not in text
    assert panels(frame.head(0), titles, lambda row: "") == []
