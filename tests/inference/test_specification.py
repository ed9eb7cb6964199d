"""The grid: what it holds, how identities work, and what the loader refuses."""

from dataclasses import replace

import pytest

from pipeline.inference.specification import ESTIMATORS, GRID_FILE, load_grid

GRID = load_grid()


def entry(**changes):
    spec = GRID.specifications[1]
    values = {
        "id": spec.spec_id,
        "role": spec.role,
        "hypothesis": spec.hypothesis,
        "unit": spec.unit,
        "exposure": spec.exposure,
        "outcome": spec.outcome,
        "estimator": spec.estimator,
        "controls": list(spec.controls),
        "clusters": list(spec.clusters),
        "slice": spec.slice,
    }
    values.update(changes)
    body = ", ".join(
        f"{k} = {str(v).lower() if isinstance(v, bool) else repr(v)}" for k, v in values.items() if v is not None
    )
    return f"spec = [ {{ {body} }} ]\n"


def write(tmp_path, text):
    path = tmp_path / "grid.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_grid_has_what_was_promised():
    specs = GRID.specifications
    assert 40 <= len(specs) <= 65
    assert len({s.spec_id for s in specs}) == len(specs)
    assert {s.estimator for s in specs} == set(ESTIMATORS)
    assert {s.slice for s in specs} == {"all", "without_duplicates", "without_token_mint"}
    assert {s.role for s in specs} == {"primary", "robustness", "placebo", "negative_control", "naive"}
    assert sum(s.role == "primary" for s in specs) <= 4
    assert all(s.role == "naive" for s in specs if s.estimator == "chi2_naive")
    assert all(s.role == "naive" for s in specs if s.estimator == "logit_cluster" and not s.clusters)
    assert all(s.role == "naive" for s in specs if s.estimator == "permutation" and s.unit == "reply")
    assert all((s.exposure == "hash_binary") <= (s.role in ("negative_control", "naive")) for s in specs)


def test_every_primary_logit_has_a_twin_with_the_other_length_control():
    for primary in (s for s in GRID.specifications if s.role == "primary" and s.unit == "reply"):
        controls = () if primary.controls else ("post_length",)
        assert replace(primary, controls=controls).spec_id in {s.spec_id for s in GRID.specifications}


def test_identity_is_formula_sample_and_error_and_is_stable():
    spec = GRID.specifications[0]
    assert spec.spec_id == "bce2f426dd95"  # changing how ids are made would orphan every published row
    assert replace(spec, role="robustness", hypothesis="x").spec_id == spec.spec_id
    for change in (
        {"slice": "without_duplicates"},
        {"controls": ("post_length",)},
        {"clusters": ("agent",)},
        {"exposure": "airs_binary"},
        {"estimator": "logit_cluster"},
        {"outcome": "toxic"},
    ):
        assert replace(spec, **change).spec_id != spec.spec_id


def test_a_specification_that_is_not_registered_is_exploratory(tmp_path):
    new = replace(GRID.specifications[1], outcome="toxic", clusters=("agent",))
    path = write(tmp_path, entry(id=new.spec_id, outcome="toxic", clusters=["agent"], role="primary"))
    assert [s.role for s in load_grid(path).specifications] == ["exploratory"]


def test_a_registered_specification_keeps_its_registered_role(tmp_path):
    path = write(tmp_path, entry(role="robustness", hypothesis="mine"))
    loaded = load_grid(path).specifications[0]
    assert (loaded.role, loaded.hypothesis) == (GRID.specifications[1].role, GRID.specifications[1].hypothesis)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spec = [", "not valid TOML"),
        ("", "no specifications"),
        ("other = 1", "unknown keys"),
        (entry() + "[settings]\npermutations = 0", "positive number"),
        (entry() + "[settings]\npermutations = true", "positive number"),
        (entry() + "[settings]\ndraws = 5", "unknown keys"),
        (entry(id="000000000000"), "write the new id"),
        (entry(slice="without_duplicates"), "write the new id"),
        (entry(role="main"), "role 'main'"),
        (entry(unit="thread"), "unit 'thread'"),
        (entry(exposure="karma"), "exposure 'karma'"),
        (entry(outcome="any_enforce"), "any_enforce goes with"),
        (entry(estimator="ols"), "estimator 'ols'"),
        (entry(controls=["age"]), "control 'age'"),
        (entry(clusters=["week"]), "cluster 'week'"),
        (entry(clusters=["post_author"]), "do not go with unit reply"),
        (entry(clusters=["post", "agent", "community"]), "do not go with unit reply"),
        (entry(slice="weekend"), "slice 'weekend'"),
        (entry(colour="red"), "unknown keys"),
        (entry(outcome=None), "are missing"),
    ],
)
def test_the_loader_says_what_is_wrong(tmp_path, text, message):
    with pytest.raises(ValueError, match=message) as error:
        load_grid(write(tmp_path, text))
    assert "grid.toml" in str(error.value)


def test_the_same_specification_twice_is_refused(tmp_path):
    body = entry().strip().removeprefix("spec = [").removesuffix("]")
    with pytest.raises(ValueError, match="twice"):
        load_grid(write(tmp_path, f"spec = [ {body}, {body} ]"))


def test_the_file_ships_beside_the_code():
    assert GRID_FILE.is_file()
