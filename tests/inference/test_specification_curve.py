"""The figure: same bytes for the same rows, labels of the grid only, nothing that cannot be drawn."""

import polars as pl
import pytest

from pipeline.inference import load_grid
from pipeline.report.specification_curve import specification_curve

GRID = load_grid()


def estimates(**changes):
    specs = GRID.specifications
    frame = pl.DataFrame(
        {
            "spec_id": [s.spec_id for s in specs],
            "estimate": [0.02 * i - 0.3 for i in range(len(specs))],
            "conf_low": [0.02 * i - 0.5 for i in range(len(specs))],
            "conf_high": [0.02 * i - 0.1 for i in range(len(specs))],
            "model": ["<script>alert(1)</script>"] * len(specs),
        }
    )
    return frame.with_columns(**changes)


def test_png_and_svg_are_reproducible():
    png, svg = specification_curve(estimates()), specification_curve(estimates(), image="svg")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(png) > 30_000
    assert specification_curve(estimates()) == png
    assert specification_curve(estimates().reverse(), image="svg") == svg


def test_labels_come_from_the_grid_and_cover_the_choices():
    svg = specification_curve(estimates(), image="svg").decode()
    assert "script>alert" not in svg
    for label in (
        "primary",
        "naive, not evidence",
        "logit, random intercept",
        "without duplicates",
        "post and agent",
        "odds ratio",
    ):
        assert label in svg
    drawn = sum(spec.is_log_odds for spec in GRID.specifications)
    assert f"{drawn} specifications" in svg


@pytest.mark.parametrize(
    "frame",
    [
        estimates().head(0),
        estimates(estimate=pl.lit(None, pl.Float64)),
        estimates(conf_low=pl.lit(None, pl.Float64), conf_high=pl.lit(None, pl.Float64)),
        estimates(spec_id=pl.lit("ffffffffffff")),
        estimates().head(1),
        estimates(estimate=pl.col("estimate") * 30, conf_high=pl.col("conf_high") * 40),
    ],
)
def test_thin_or_wild_rows_still_make_a_picture(frame):
    assert specification_curve(frame)[:4] == b"\x89PNG"


def test_rows_that_are_not_drawn_are_counted():
    svg = specification_curve(estimates(estimate=pl.lit(None, pl.Float64)), image="svg").decode()
    drawable = sum(spec.is_log_odds for spec in GRID.specifications)
    assert f"{drawable} without an estimate" in svg
