"""Panel estimators against linearmodels and pyfixest on rows that pandas transformed; m2 against loops."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from influence_panels import as_pandas, gappy_frame, gappy_panel
from linearmodels.iv import IV2SLS
from linearmodels.panel import PanelOLS

from pipeline.influence.dynamic_panel import fod_iv, second_order_test
from pipeline.influence.fixed_effects import half_panel_jackknife, pooled, two_way
from pipeline.influence.solve import fit_of

SAME = 1e-8  # two libraries, the same algebra: rounding only


@pytest.fixture(scope="module", params=["week", "group and week"])
def frame(request):
    return gappy_frame(gappy_panel(), by_group=request.param != "week", lags=2 if request.param == "week" else 1)


def deviations(rows: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Forward orthogonal deviations by the definition, with loops, between two demeanings by cell."""
    levels = rows[rows.groupby("agent")["y"].transform("size") > 1].copy()  # a lone row has no deviation
    levels[names] -= levels.groupby("cell")[names].transform("mean")
    out = []
    for _, own in levels.sort_values("week").groupby("agent"):
        for i in range(len(own) - 1):
            later = len(own) - i - 1
            row = own.iloc[i].copy()
            row[names] = math.sqrt(later / (later + 1)) * (own.iloc[i][names] - own.iloc[i + 1 :][names].mean())
            out.append(row)
    moved = pd.DataFrame(out)
    moved[names] -= moved.groupby("cell")[names].transform("mean")
    return moved.astype(float)


def test_fod_iv_equals_two_stage_least_squares(frame):
    rows, terms = as_pandas(frame), list(frame.names)
    moved = deviations(rows, ["y", *terms])
    levels = rows.loc[moved.index, [*terms, "cell"]]
    levels = levels[terms] - levels.groupby("cell")[terms].transform("mean")
    instruments = levels.add_prefix("z_")
    theirs = IV2SLS(moved["y"], None, moved[terms], instruments).fit(
        cov_type="clustered", clusters=moved["agent"].astype(int), debiased=False
    )
    ours = fod_iv(frame)
    assert ours is not None and ours.agent.size == len(moved)
    np.testing.assert_allclose(ours.beta, theirs.params, atol=SAME)
    covariance, clusters = ours.covariance("agent")
    factor = clusters / (clusters - 1)  # theirs, not debiased, has none
    assert clusters == moved["agent"].nunique()
    np.testing.assert_allclose(covariance / factor, theirs.cov, rtol=1e-7, atol=SAME)


def test_two_way_equals_panel_ols_and_pyfixest(frame):
    rows, terms = as_pandas(frame), list(frame.names)
    rows = rows[rows.groupby("agent")["y"].transform("size") > 1]
    ours = two_way(frame)
    assert ours is not None
    theirs = pf.feols(f"y ~ {' + '.join(terms)} | agent + cell", rows, vcov={"CRV1": "agent"},
                      fixef_tol=1e-12, ssc=pf.ssc(k_adj=False, G_adj=True))  # fmt: skip
    np.testing.assert_allclose(ours.beta, theirs.coef().to_numpy(), atol=SAME)
    np.testing.assert_allclose(np.sqrt(np.diag(ours.covariance()[0])), theirs.se().to_numpy(), rtol=1e-6, atol=SAME)
    panel = rows.assign(when=rows["cell"]).set_index(["agent", "week"])
    linear = PanelOLS(panel["y"], panel[terms], entity_effects=True, other_effects=panel[["when"]]).fit()
    np.testing.assert_allclose(ours.beta, linear.params, atol=SAME)


def test_pooled_equals_dummies_and_clustered_errors_equal_pyfixest(frame):
    rows, terms = as_pandas(frame), list(frame.names)
    ours = pooled(frame)
    assert ours is not None
    formula = f"y ~ {' + '.join(terms)} | cell"
    for cluster, theirs_by in (("agent", "agent"), ("group", "group")):
        theirs = pf.feols(formula, rows, vcov={"CRV1": theirs_by}, ssc=pf.ssc(k_adj=False, G_adj=True))
        np.testing.assert_allclose(ours.beta, theirs.coef().to_numpy(), atol=SAME)
        np.testing.assert_allclose(np.sqrt(np.diag(ours.covariance(cluster)[0])), theirs.se(), rtol=1e-6)


def test_two_way_clusters_are_the_sum_less_the_rows(frame):
    ours = pooled(frame)
    assert ours is not None
    by_both, fewer = ours.covariance("agent+week")
    theirs = pf.feols(
        f"y ~ {' + '.join(frame.names)} | cell", as_pandas(frame), vcov={"CRV1": "agent + week"},
        ssc=pf.ssc(k_adj=False, G_adj=True, G_df="conventional"),
    )  # fmt: skip
    assert fewer == len(np.unique(frame.week))
    np.testing.assert_allclose(np.sqrt(np.diag(by_both)), theirs.se(), rtol=1e-6)


def test_jackknife_is_twice_the_whole_less_the_mean_of_halves(frame):
    rows, terms = as_pandas(frame), list(frame.names)
    middle = np.median(np.unique(frame.week))

    def slope(part: pd.DataFrame) -> float:
        part = part[part.groupby("agent")["y"].transform("size") > 1]
        return float(pf.feols(f"y ~ {' + '.join(terms)} | agent + cell", part, fixef_tol=1e-12).coef()["gap"])

    fit = half_panel_jackknife(frame, "gap", 0.95)
    expected = 2 * slope(rows) - (slope(rows[rows["week"] < middle]) + slope(rows[rows["week"] >= middle])) / 2
    assert fit is not None and fit.estimate == pytest.approx(expected, abs=SAME)


def test_second_order_test_equals_its_definition_in_loops(frame):
    solved = fod_iv(frame)
    assert solved is not None
    ours = second_order_test(frame, solved)
    assert ours is not None
    rows, terms = as_pandas(frame), list(frame.names)
    rows = rows[rows.groupby("agent")["y"].transform("size") > 1].copy()
    names = ["y", *terms]
    rows[names] -= rows.groupby("cell")[names].transform("mean")
    steps = {}
    by_place = {(int(r.agent), int(r.week)): r for r in rows.itertuples()}
    for (agent, week), now in by_place.items():
        if (agent, week - 1) in by_place:
            then = by_place[agent, week - 1]
            steps[agent, week] = (now.cell, np.array([getattr(now, n) - getattr(then, n) for n in names]))
    changes = pd.DataFrame({k: v[1] for k, v in steps.items()}).T
    changes = changes - changes.groupby([v[0] for v in steps.values()]).transform("mean")
    moved = dict(zip(steps, changes.to_numpy(), strict=True))
    residual = {k: v[0] - solved.beta @ v[1:] for k, v in moved.items()}
    psi = {agent: np.zeros(len(terms)) for agent in rows["agent"].unique()}
    for score, agent in zip(solved.scores.T, solved.agent, strict=True):
        psi[agent] = psi[agent] + solved.bread @ score
    r, w = dict.fromkeys(psi, 0.0), np.zeros(len(terms))
    for agent, week in residual:
        if (agent, week - 2) in residual:
            r[agent] += residual[agent, week - 2] * residual[agent, week]
            w += residual[agent, week - 2] * moved[agent, week][1:]
    # Arellano and Bond (1991): sum r² − 2 w' sum psi r + w' V w
    v = sum(x * x for x in r.values()) - 2 * w @ sum(psi[a] * r[a] for a in r)
    v += w @ sum(np.outer(p, p) for p in psi.values()) @ w
    assert ours.statistic == pytest.approx(sum(r.values()) / math.sqrt(v), abs=SAME)


def test_terms_that_do_not_vary_are_refused(frame):
    from dataclasses import replace

    flat = replace(frame, regressors=np.zeros_like(frame.regressors), instruments=np.zeros_like(frame.instruments))
    assert fod_iv(flat) is None and two_way(flat) is None and pooled(flat) is None
    none = frame.taken(np.zeros(frame.rows, dtype=bool))
    assert fod_iv(none) is None and two_way(none) is None and pooled(none) is None


def test_few_clusters_leave_no_error(frame):
    few = frame.taken(frame.agent < 8)
    solved = fod_iv(few)
    if solved is not None:
        fit = fit_of(solved, "gap", "agent", 0.95)
        assert fit.estimate is None and fit.warnings == ("few_clusters",)
