"""What reporting wrote in the default run."""

import json
import re

import pytest
from tests.integration.results import Results

SECTIONS = {
    "dose_simulation": 1,
    "feature_extraction": 3,
    "dose_estimation": 4,
    "lung_segmentation": 4,
    "lesion_regression": 8,
    "bone_age": 8,
    "fracture": 11,
    "tb_classification": 14,
}
"""Pipelines in the order of the page, and how many figures each one shows."""


@pytest.fixture(scope="module")
def sections(results: Results) -> dict[str, str]:
    """Return the parts of the page by the name of their pipeline."""
    page = (results.workspace / "08_reporting/report.html").read_text()
    _, *parts = re.split(r'<section aria-labelledby="(\w+)">', page)
    return dict(zip(parts[::2], parts[1::2], strict=True))


def test_the_page_has_a_section_per_pipeline_with_its_figures(sections: dict[str, str]) -> None:
    assert list(sections) == list(SECTIONS)
    shown = {name: part.count("data:image/webp;base64,") for name, part in sections.items()}
    assert shown == SECTIONS


def test_each_section_says_where_its_results_come_from(sections: dict[str, str]) -> None:
    for name, part in sections.items():
        assert "PHANTOMS" in part, name
        assert "<dt>Environment</dt><dd>test</dd>" in part, name


def test_every_metric_of_the_test_part_is_on_the_page(
    results: Results, sections: dict[str, str]
) -> None:
    for name in SECTIONS:
        if name in ("dose_simulation", "feature_extraction"):  # which test no model
            continue
        metrics = results.metrics(name)
        assert f"of the test part ({(metrics['split'] == 'test').sum()})" in sections[name], name


def test_each_section_has_its_parts(sections: dict[str, str]) -> None:
    for name, part in sections.items():
        for heading in ("Figures", "Model card", "Data left out, and leaks", "Provenance"):
            assert f"<h3>{heading}</h3>" in part, name
        assert ("<h3>Models</h3>" in part) == (name != "feature_extraction"), name


def test_the_headline_measures_every_claim(results: Results) -> None:
    page = (results.workspace / "08_reporting/report.html").read_text()
    headline = page[page.index('id="claims"') : page.index("</table>")]
    assert headline.count('<svg class="strip"') == 11
    assert "has not measured it" not in headline
    assert "has not been measured" not in headline


def test_the_page_compares_and_warns(results: Results) -> None:
    page = (results.workspace / "08_reporting/report.html").read_text()
    assert "Not a medical device" in page
    assert "Published against honest" in page
    assert "on phantoms" in page
    assert "Not run yet" not in page
    assert not re.search(r'(?:src|href)="(?!#|data:)', page)  # it asks for no other file


def test_every_result_can_be_traced_to_the_run(results: Results) -> None:
    sources = list(results.workspace.rglob("*.source.json"))
    assert len(sources) > 50
    found = [json.loads(path.read_text()) for path in sources]
    assert {each["environment"] for each in found} == {"test"}
    assert len({each["run"] for each in found}) == 1
