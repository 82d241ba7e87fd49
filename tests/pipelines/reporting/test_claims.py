"""What is left of a claim, on tables whose answer is plain."""

from dataclasses import replace

import pytest
from tests.pipelines.reporting.examples import CLAIM, PARAMS, REAL, cut_short, measured
from tests.test_provenance import SOURCE

from xraylab.pipelines.reporting.claims import ClaimRow, find_cuts, judge_claims
from xraylab.pipelines.reporting.params import ClaimParams


def judged(summary, source=SOURCE, **changes: object) -> ClaimRow:
    claim = ClaimParams(**{**CLAIM.model_dump(), **changes})
    params = PARAMS.model_copy(update={"claims": (claim,)})
    (row,) = judge_claims(params, {"dose_estimation": summary}, {"dose_estimation": source})
    return row


@pytest.mark.parametrize(
    ("theirs", "honest", "baseline", "verdict", "words"),
    [
        (0.95, 0.94, 0.0, "holds", "Not shown to be worse than by their protocol, and better than the mean."),
        (0.50, 0.94, 0.0, "holds", "Better than by their protocol, and better than the mean."),
        (0.95, 0.50, 0.0, "shrinks", "Worse than by their protocol by 0.450, and still better than the mean."),
        (0.95, 0.02, 0.0, "vanishes", "Honestly it is not shown to be better than the mean."),
        (0.01, 0.02, 0.0, "vanishes", "not shown to be better than the mean, nor is it by their protocol."),
        (None, 0.5, 0.0, "not measured here", "Their protocol has not measured it in this run."),
        (0.95, None, 0.0, "not measured here", "The honest protocol has not measured it in this run."),
        (None, None, 0.0, "not measured here", "Neither protocol has measured it in this run."),
        (0.95, 0.5, None, "not measured here", "The baseline has not been measured in this run."),
    ],
)  # fmt: skip
def test_the_verdict_follows_from_the_numbers(theirs, honest, baseline, verdict, words) -> None:
    row = judged(measured(theirs, honest, baseline))
    assert row.verdict == verdict
    assert words in row.finding
    assert row.why == CLAIM.why


def test_where_less_is_better_the_verdict_is_the_same() -> None:
    summary = measured(5.0, 12.0, 40.0, half=1.0)
    row = judged(summary, better="lower", unit="months", value=4.2)
    assert row.verdict == "shrinks"
    assert row.finding.startswith("Worse than by their protocol by 7.000 months")
    assert row.theirs == ("5.000 months", "4.000 to 6.000")
    assert row.difference == ("+7.000 months", "5.586 to 8.414")
    assert row.published == "4.200 months"
    assert judged(measured(5.0, 41.0, 40.0, half=1.0), better="lower").verdict == "vanishes"
    strip = row.strip
    assert strip is not None
    assert strip.theirs.x > strip.honest.x  # better is to the right


def test_on_its_own_data_a_claim_is_held_against_the_published_number() -> None:
    below = measured(0.70, 0.70)
    assert judged(below).verdict == "holds"  # phantoms: only the two protocols compare
    row = judged(below, REAL)
    assert row.verdict == "shrinks"
    assert "not as good as published" in row.finding
    assert not row.reproduced
    assert judged(measured(0.92, 0.91), REAL).reproduced


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (SOURCE, "phantoms"),
        (REAL, "their data: 1,234 films"),
        (replace(REAL, n_films=96), "a part of their data: 96 films of 1,000"),
        (replace(REAL, data_sets={"own": "1"}), "other data: 1,234 films"),
        (None, "data of unknown origin"),
    ],
)
def test_a_row_says_on_which_data_it_was_measured(source, words: str) -> None:
    row = judged(measured(0.93, 0.93), source)
    assert row.data == words
    assert row.reproduced == (words == "their data: 1,234 films")


def test_a_training_that_was_cut_short_decides_nothing_against_a_claim() -> None:
    lost = cut_short(measured(0.95, 0.02))
    row = judged(lost)
    assert row.verdict == "not measured here"
    assert "cut short" in row.finding
    assert row.honest[0] == "0.0200 ‡"
    assert row.theirs[0] == "0.950"
    assert judged(cut_short(measured(0.95, 0.95))).verdict == "holds"
    assert find_cuts(lost) == {("honest", "mlp"): "stopped by the clock"}
    assert find_cuts(measured()) == find_cuts(None) == {}


def test_values_without_intervals_decide_nothing() -> None:
    row = judged(measured(ci_low=float("nan"), ci_high=float("nan")))
    assert row.verdict == "not measured here"
    assert row.honest == ("0.500", "")


def test_a_claim_without_a_number_is_measured_all_the_same() -> None:
    row = judged(measured(), value=None)
    assert row.published == ""
    assert row.verdict == "shrinks"
    assert row.strip is not None
    assert row.strip.claimed is None


def test_a_pipeline_that_has_not_run_leaves_its_claim_unmeasured() -> None:
    (row,) = judge_claims(PARAMS, {}, {})
    assert row.verdict == "not measured here"
    assert row.strip is None
