"""Conditional logit and its covariances, against pyfixest, statsmodels and a double loop."""

import numpy as np
import pandas as pd
import pyfixest as pf
import pytest
from statsmodels.discrete.conditional_models import ConditionalLogit
from statsmodels.duration.hazard_regression import PHReg

from pipeline.selection.conditional_logit import Strata, covariance, fit_conditional_logit, row_scores, strata_of
from pipeline.selection.dyads import sandwich

STRATA, SIZE, TERMS, NODES = 400, 6, 3, 60
BETA = np.array([0.8, -0.5, 1.2])
COLUMNS = ["x1", "x2", "x3"]


def _frame(seed: int = 1) -> pd.DataFrame:
    """Choices of one of six by a planted rule; terms of different sizes."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(STRATA, SIZE, TERMS)) * [1.0, 5.0, 0.2]
    eta = x @ (BETA / [1.0, 5.0, 0.2]) + rng.gumbel(size=(STRATA, SIZE))
    ego = rng.integers(0, NODES, size=STRATA)
    alter = (ego[:, None] + rng.integers(1, NODES, size=(STRATA, SIZE))) % NODES
    frame = pd.DataFrame(x.reshape(-1, TERMS), columns=COLUMNS)
    return frame.assign(
        case=(eta == eta.max(axis=1, keepdims=True)).ravel().astype(int),
        stratum=np.repeat(np.arange(STRATA), SIZE),
        ego=np.repeat(ego, SIZE),
        alter=alter.ravel(),
    )


def _strata(frame: pd.DataFrame, offset: np.ndarray | None = None) -> Strata:
    return strata_of(
        frame[COLUMNS].to_numpy(), frame["stratum"].to_numpy(), frame["case"].to_numpy().astype(bool), offset
    )


def test_equals_pyfixest_in_coefficients_and_clustered_errors() -> None:
    frame = _frame()
    strata = _strata(frame)
    fit = fit_conditional_logit(strata)
    ego, alter = frame["ego"].to_numpy(), frame["alter"].to_numpy()
    assert fit.beta is not None
    for vcov, kind in (({"CRV1": "ego"}, "ego"), ({"CRV1": "ego+alter"}, "two_way")):
        other = pf.fepois(
            "case ~ x1 + x2 + x3 | stratum",
            frame,
            vcov=vcov,
            ssc=pf.ssc(k_adj=False, G_adj=True, G_df="min"),
            iwls_tol=1e-12,
            fixef_tol=1e-10,
        )
        assert np.allclose(fit.beta, other.coef().to_numpy(), rtol=0, atol=1e-6)
        errors = np.sqrt(np.diag(covariance(strata, fit, ego, alter, kind).matrix))
        assert np.allclose(errors, other.se().to_numpy(), rtol=1e-6)


def test_equals_statsmodels() -> None:
    frame = _frame(2)
    strata = _strata(frame)
    fit = fit_conditional_logit(strata)
    assert fit.beta is not None
    cox = PHReg(np.ones(len(frame)), frame[COLUMNS], status=frame["case"], strata=frame["stratum"], ties="breslow").fit(
        method="newton"
    )
    assert np.allclose(fit.beta, cox.params, rtol=0, atol=1e-6)
    model = covariance(strata, fit, frame["ego"].to_numpy(), frame["alter"].to_numpy(), "model")
    assert np.allclose(np.sqrt(np.diag(model.matrix)), cox.bse, rtol=1e-6)
    logit = ConditionalLogit(frame["case"], frame[COLUMNS], groups=frame["stratum"]).fit(disp=False)
    assert np.allclose(fit.beta, logit.params, rtol=0, atol=1e-3)  # its optimiser stops in the fourth digit


def test_several_cases_per_stratum_count_as_choices_from_all_rows() -> None:
    frame = _frame(3)
    more = frame["case"].to_numpy().copy()
    more[::SIZE] = 1  # strata with one or two cases; those whose first row was the case keep one
    frame = frame.assign(case=more)
    fit = fit_conditional_logit(_strata(frame))
    cox = PHReg(np.ones(len(frame)), frame[COLUMNS], status=frame["case"], strata=frame["stratum"], ties="breslow").fit(
        method="newton"
    )
    assert fit.beta is not None
    assert fit.n_cases > fit.n_strata
    assert np.allclose(fit.beta, cox.params, rtol=0, atol=1e-6)


def test_offsets_undo_stratified_sampling_of_non_cases() -> None:
    rng = np.random.default_rng(4)
    n, size, kept = 4000, 40, 2
    rare = rng.random((n, size)) < 0.1
    x = rng.normal(size=(n, size))
    eta = 1.5 * rare + 0.8 * x + rng.gumbel(size=(n, size))
    case = eta == eta.max(axis=1, keepdims=True)
    # Counter-matching: of each class m, the case among them, and the offset log(N / m).
    order = rng.random((n, size)) - 2.0 * case
    keep, offset = np.zeros((n, size), dtype=bool), np.zeros((n, size))
    for kind in (rare, ~rare):
        place = np.argsort(np.argsort(np.where(kind, order, 9.0), axis=1), axis=1)
        chosen = kind & (place < kept)
        keep |= chosen
        ratio = kind.sum(axis=1, keepdims=True) / np.maximum(chosen.sum(axis=1, keepdims=True), 1)
        offset = np.where(kind, np.log(np.maximum(ratio, 1e-9)), offset)
    stacked = np.column_stack([rare[keep].astype(float), x[keep]])
    stratum = np.nonzero(keep)[0]
    strata = strata_of(stacked, stratum, case[keep], offset[keep])
    fit = fit_conditional_logit(strata)
    assert fit.beta is not None
    error = np.sqrt(np.diag(fit.bread))
    assert (np.abs(fit.beta - [1.5, 0.8]) < 3 * error).all()  # three standard errors of the planted truth
    without = fit_conditional_logit(strata_of(stacked, stratum, case[keep]))
    assert without.beta is not None
    assert abs(without.beta[0] - 1.5) > 10 * error[0]


def test_dyadic_meat_is_the_double_loop_over_rows_that_share_an_agent() -> None:
    rng = np.random.default_rng(5)
    ego = rng.integers(0, 12, size=80)
    alter = (ego + rng.integers(1, 12, size=80)) % 12
    scores = rng.normal(size=(80, 2))
    ends = [{int(a), int(b)} for a, b in zip(ego, alter, strict=True)]
    meat = np.zeros((2, 2))
    for i in range(80):
        for j in range(80):
            if ends[i] & ends[j]:
                meat += np.outer(scores[i], scores[j])
    found = sandwich(np.eye(2), scores, ego, alter, "dyadic")
    assert found.n_clusters == 12
    assert np.allclose(found.matrix, meat * 12 / 11, rtol=1e-12)


def test_scores_of_rows_add_up_to_zero_at_the_maximum() -> None:
    strata = _strata(_frame(6))
    fit = fit_conditional_logit(strata)
    assert fit.beta is not None
    scores = row_scores(strata, fit.beta)
    assert np.abs(scores.sum(axis=0)).max() < 1e-6 * np.abs(scores).sum()
    assert np.linalg.norm(scores) > 0


@pytest.mark.parametrize(
    ("change", "warning"),
    [
        (lambda f: f.assign(case=0), "few_events"),
        (lambda f: f.assign(x2=f["stratum"]), "no_variation"),
        (lambda f: f.assign(x2=2 * f["x1"] + f["stratum"]), "singular_terms"),
        (lambda f: f.assign(x2=f["case"] * 3.0), "separation"),
        (lambda f: f.assign(x1=f["x1"] * 1e6), None),
    ],
)
def test_says_when_there_is_no_estimate(change, warning) -> None:  # type: ignore[no-untyped-def]
    fit = fit_conditional_logit(_strata(change(_frame(7))))
    assert fit.warning == warning
    assert (fit.beta is None) == (warning is not None)
    assert (fit.sentence is None) == (warning is None)


def test_separation_by_two_terms_together_is_found() -> None:
    rng = np.random.default_rng(8)
    x = rng.normal(size=(60, 5, 2))
    total = x.sum(axis=2)
    case = total == total.max(axis=1, keepdims=True)
    fit = fit_conditional_logit(strata_of(x.reshape(-1, 2), np.repeat(np.arange(60), 5), case.ravel()))
    assert (fit.beta, fit.warning) == (None, "separation")
