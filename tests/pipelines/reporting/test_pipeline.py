import base64
import re
from dataclasses import replace
from importlib import import_module

import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.test_provenance import SOURCE

from xraylab.datasets.summary_dataset import Summary
from xraylab.pipelines.reporting import create_pipeline
from xraylab.pipelines.reporting.nodes import _number, compare_protocols, render_report
from xraylab.pipelines.reporting.params import PublishedValue, ReportingParams, SectionParams
from xraylab.pipelines.reporting.pipeline import REPORTED

PNG = b"\x89PNG\r\n\x1a\nnot really"
PARAMS = ReportingParams(
    title="A <title>",
    sections={
        "dose_estimation": SectionParams(
            title="Dose estimation",
            compared=("r2",),
            published=(PublishedValue(model="mlp", metric="r2", value=0.928, note="5,606 films"),),
            captions={"loss_curves": "Loss of each model"},
        ),
        "bone_age": SectionParams(title="Bone age"),
    },
)
NOTHING = pd.DataFrame(
    columns=["protocol", "model", "split", "metric", "value", "ci_low", "ci_high", "n"]
)


def metrics(*rows: tuple[str, str, str, str, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["protocol", "model", "split", "metric", "value"])
    return table.assign(ci_low=table["value"] - 0.1, ci_high=table["value"] + 0.1, n=1234)


def test_page_holds_numbers_figures_and_the_disclaimer() -> None:
    table = metrics(("published", "mlp", "test", "r2", 0.7), ("honest", "mlp", "test", "r2", 0.5))
    page = render_report(PARAMS, {}, dose_estimation=Summary(table, {"loss_curves": PNG}))
    assert "Not a medical device" in page
    assert "0.928" in page
    assert "0.500 (0.400 to 0.600)" in page
    assert "1,234" in page
    assert base64.b64encode(PNG).decode() in page
    assert 'alt="Loss of each model"' in page
    assert "Not run yet: Bone age." in page
    assert "5,606 films" in page


def test_the_first_line_says_phantoms_and_each_section_its_source() -> None:
    table = metrics(("honest", "mlp", "test", "r2", 0.5))
    origins = {"dose_estimation": SOURCE}
    page = render_report(PARAMS, origins, dose_estimation=Summary(table))
    body = page[page.index("<body>") :]
    assert re.sub(r"<[^>]+>", "", body).split()[0] == "PHANTOMS."
    assert "environment base" in body
    assert "1,234 films, digest 01234567" in body
    real = {"dose_estimation": replace(SOURCE, phantoms=False, raw_root_as_given="/data/xray")}
    page = render_report(PARAMS, real, dose_estimation=Summary(table))
    assert "PHANTOMS" not in page[page.index("<body>") :]
    assert "/data/xray" in page


def test_an_interval_from_few_groups_is_marked() -> None:
    table = metrics(("honest", "mlp", "test", "r2", 0.5), ("fair", "mlp", "test", "r2", 0.25))
    page = render_report(PARAMS, {}, dose_estimation=Summary(table.assign(n_groups=[7, 10])))
    assert "0.500 (0.400 to 0.600 †)" in page
    assert "0.250 (0.150 to 0.350)" in page
    assert "† An interval from fewer than 10" in page


def test_page_asks_for_nothing_outside() -> None:
    page = render_report(PARAMS, {}, dose_estimation=Summary(NOTHING, {"loss_curves": PNG}))
    assert not re.search(r"https?://", page)
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]+)"', page))
    assert "<script" not in page
    assert "<link" not in page


def test_hostile_text_is_escaped() -> None:
    table = metrics(("honest", "<script>alert(1)</script>", "test", "r2", 0.5))
    page = render_report(PARAMS, {}, dose_estimation=Summary(table))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "A &lt;title&gt;" in page


def test_page_of_nothing_says_so() -> None:
    page = render_report(PARAMS, {}, dose_estimation=Summary(NOTHING), bone_age=None)
    assert "No pipeline has run yet." in page
    assert "Not run yet: Dose estimation, Bone age." in page


def test_a_source_without_a_section_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'fracture' has no section.*dose_estimation"):
        render_report(PARAMS, {}, fracture=Summary(NOTHING))


def test_comparison_keeps_published_rows_that_nobody_measured() -> None:
    table = metrics(
        ("honest", "linear", "test", "r2", 0.9), ("honest", "linear", "train", "r2", 1.0)
    )
    rows = compare_protocols({"dose_estimation": table}, PARAMS)["Dose estimation"]
    assert [(row["model"], row["published"], row["measured"]["honest"]) for row in rows] == [
        ("mlp", "0.928", ""),
        ("linear", "", "0.900 (0.800 to 1.000)"),
    ]


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0357, "0.0357"), (0.5, "0.500"), (12.345, "12.3"), (1.00488, "1.005"), (-0.102, "−0.102"),
     (0.0, "0"), (1e-6, "< 0.0001"), (123456.0, "1.23e+05"), (float("nan"), "–"), (float("inf"), "∞")],
)  # fmt: skip
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert _number(value) == text


def test_slice_runs_on_an_in_memory_catalog() -> None:
    sections = {name: SectionParams(title=name) for name in REPORTED}
    sources = {
        f"{name}.summary": MemoryDataset(Summary(NOTHING, {"a": PNG, "b": PNG}))
        for name in REPORTED
    }
    catalog = DataCatalog(
        {
            **sources,
            "reporting.sources": MemoryDataset({}),
            "params:reporting": MemoryDataset(ReportingParams(sections=sections)),
        }
    )
    page = SequentialRunner().run(create_pipeline(), catalog)["reporting.page"].load()
    assert page.count("<figure>") == 2 * len(REPORTED)


def test_every_pipeline_has_a_summary_of_figures_that_it_draws() -> None:
    for name in REPORTED:
        module = import_module(f"xraylab.pipelines.{name}.pipeline")
        (node,) = [
            each for each in module.create_pipeline().nodes if each.name.endswith("summarise")
        ]
        assert node.outputs == [f"{name}.summary"]
        drawn = {f"{name}.{figure}_figure" for figure in module.FIGURES}
        assert drawn == {each for each in node.inputs if each.endswith("_figure")}
        assert drawn <= module.create_pipeline().all_outputs()
