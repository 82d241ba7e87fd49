import base64
import io
from dataclasses import replace

import pandas as pd
import pytest
from PIL import Image
from tests.pipelines.reporting.examples import PARAMS, cut_short, measured, png

from xraylab.datasets.summary_dataset import Summary
from xraylab.pipelines.reporting.figures import embed_figure
from xraylab.pipelines.reporting.names import name_model, name_protocol
from xraylab.pipelines.reporting.sections import make_section


def section_of(summary: Summary, name: str = "dose_estimation"):
    return make_section(PARAMS, name, summary, None)


def test_models_have_one_row_each_and_protocols_their_columns() -> None:
    summary = measured(0.95, 0.5, 0.0)
    sites = summary.metrics.iloc[:1].assign(protocol="sites", model="mlp_shenzhen")
    mae = summary.metrics.iloc[:1].assign(protocol="honest", metric="mae", value=9.0)
    table = section_of(Summary(pd.concat([summary.metrics, sites, mae]))).models
    assert table is not None
    assert table.groups == {"As published": 1, "Honest": 2, "Other site, trained at Shenzhen": 1}
    assert [(each.group, each.metric, each.first) for each in table.columns] == [
        ("As published", "R²", True),
        ("Honest", "R²", True),
        ("Honest", "Mean absolute error, months", False),
        ("Other site, trained at Shenzhen", "R²", True),
    ]
    assert [(row.model, row.key, row.baseline) for row in table.rows] == [
        ("Small network", "mlp", False),
        ("The mean", "mean", True),
    ]
    assert [value for value, _ in table.rows[0].cells] == ["0.950", "0.500", "9.000", "0.950"]
    assert [value for value, _ in table.rows[1].cells] == ["", "0", "", ""]


def test_a_model_whose_training_was_cut_short_is_marked_and_explained() -> None:
    section = section_of(cut_short(measured()))
    assert section.models is not None
    assert [value for value, _ in section.models.rows[0].cells] == ["0.950", "0.500 ‡"]
    assert section.cuts == ["Small network, honest: stopped by the clock"]
    assert section.stopped_by == "minutes (1)"


def test_names_come_from_the_parameters_or_are_words() -> None:
    assert name_model(PARAMS, "dose_estimation", "mlp") == "Small network"
    assert (
        name_model(PARAMS, "dose_estimation", "mlp_shenzhen")
        == "Small network, trained at Shenzhen"
    )
    assert name_model(PARAMS, "bone_age", "mean") == "The mean"
    assert name_model(PARAMS, "bone_age", "new_model") == "New model"
    assert name_protocol(PARAMS, "left_out") == "Left out"


def test_reasons_are_counted_without_what_they_say_of_one_film() -> None:
    reasons = [
        *[
            "is a truncated PNG (a chunk of 8,192 bytes passes its end)",
            "is a truncated PNG (ends early)",
        ],
        *[
            "its id '12.5' is no whole number",
            "has no mask",
            "ignored: a file of the operating system",
        ],
    ]
    rejected = pd.DataFrame({"image_id": list("abcde"), "reason": reasons})
    section = section_of(replace(measured(), tables={"rejected": rejected}))
    assert section.rejected == [
        ("is a truncated PNG", 2),
        ("its id … is no whole number", 1),
        ("has no mask", 1),
    ]
    assert (section.n_rejected, section.n_ignored) == (4, 1)


def test_rare_reasons_are_counted_together() -> None:
    reasons = [f"reason {letter}" for letter in "abcdefgh"]
    rejected = pd.DataFrame({"image_id": list("abcdefgh"), "reason": reasons})
    section = section_of(replace(measured(), tables={"rejected": rejected}))
    assert section.rejected[-1] == ("other reasons", 2)


def test_leaks_are_summed_by_protocol_kind_and_action() -> None:
    leaks = pd.DataFrame(
        {"protocol": ["published"] * 3, "kind": ["same_bytes", "same_bytes", "same_group"],
         "action": ["reported"] * 3, "n_pairs": [1, 4, 2]}
    )  # fmt: skip
    section = section_of(replace(measured(), tables={"leakage": leaks}))
    assert section.leaks == [
        {"protocol": "As published", "kind": "Same bytes, reported", "found": "2 (5)"},
        {"protocol": "As published", "kind": "Same group, reported", "found": "1 (2)"},
    ]
    assert section_of(replace(measured(), tables={"leakage": leaks.iloc[:0]})).leaks == []
    assert section_of(measured()).leaks is None


def test_films_are_counted_by_protocol_and_split() -> None:
    counts = pd.DataFrame(
        [("published", "all", 53, 52, 2), ("published", "test", 1053, 52, 2), ("", "all", 9, 9, 0)],
        columns=["protocol", "split", "n_films", "n_groups", "n_folds"],
    )
    section = section_of(replace(measured(), tables={"cohort": counts}))
    assert section.film_parts == ["All", "Test"]
    assert section.films == [
        {"protocol": "As published, 2 folds", "All": "53 (52)", "Test": "1,053 (52)"},
        {"protocol": "No split", "All": "9 (9)"},
    ]


def test_only_key_figures_are_shown() -> None:
    section = section_of(replace(measured(), figures={"loss_curves": png(), "roc": png()}))
    assert [each.caption for each in section.key_figures] == ["Loss of each model"]
    assert [each.caption for each in section.more_figures] == ["Roc."]


@pytest.mark.parametrize(("width", "kept"), [(1200, 300), (100, 100)])
def test_figures_are_reduced_and_written_as_webp(width: int, kept: int) -> None:
    address = embed_figure(png(300, 120), width, 70)
    head, _, text = address.partition(",")
    assert head == "data:image/webp;base64"
    with Image.open(io.BytesIO(base64.b64decode(text))) as image:
        assert (image.width, image.height) == (kept, 120 * kept // 300)
        assert image.format == "WEBP"


def test_a_pipeline_that_measures_nothing_has_no_table() -> None:
    section = section_of(Summary(pd.DataFrame(), {"loss_curves": png()}), "bone_age")
    assert section.models is None
    assert section.metrics == []
