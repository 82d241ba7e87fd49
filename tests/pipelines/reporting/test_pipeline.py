"""The page as text: what it says first, what it never says, and that it asks for no other file."""

import html
import re
from dataclasses import replace
from importlib import import_module

import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner
from tests.conftest import PROJECT
from tests.pipelines.reporting.examples import CLAIM, PARAMS, REAL, cut_short, measured, png
from tests.test_provenance import SOURCE

from xraylab.datasets.summary_dataset import Summary
from xraylab.pipelines.reporting import create_pipeline
from xraylab.pipelines.reporting.nodes import render_report
from xraylab.pipelines.reporting.params import MAX_CLAIMS, ReportingParams, SectionParams
from xraylab.pipelines.reporting.pipeline import REPORTED

NOTHING = Summary(pd.DataFrame())


def words_of(page: str) -> str:
    """Return the text of a page as a reader sees it, in one line."""
    body = page[page.index("<body>") :]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())


def render(summary: Summary, source=SOURCE, params: ReportingParams = PARAMS) -> str:
    return render_report(params, {"dose_estimation": source}, dose_estimation=summary)


def test_the_headline_has_one_row_per_claim_with_all_that_it_promises() -> None:
    words = words_of(render(measured(0.95, 0.5), REAL))
    for each in (
        "A small network reads the dose R² 0.928", "a public demo; 1,000 films at three doses",
        "By their protocol, here", "0.950 (0.900 to 1.000)", "0.500 (0.450 to 0.550)",
        "−0.450 (−0.521 to −0.379)", "Shrinks", "Exposures of one film are on both sides.",
        "Baseline: the mean, 0", "method of variance estimates recovery", "Not a medical device",
        "their data: 1,234 films",
    ):  # fmt: skip
        assert each in words
    page = render(measured(), REAL)
    assert page.count('<svg class="strip"') == len(PARAMS.claims)
    assert page.count("<title id=") == page.count("<desc id=") == 1


def test_the_first_lines_say_data_environment_date_version_and_seed() -> None:
    words = words_of(render(measured(), REAL))
    head = words[: words.index("Research software")]
    assert "Data /data/xray Environment public Run 2026-01-31 12:00 UTC" in head
    assert "Version xraylab 0.1.0+1a2b3c Seed 42" in head
    assert "PHANTOMS" not in words


def test_phantoms_are_named_and_nothing_on_them_is_called_reproduced() -> None:
    words = words_of(render(measured(0.93, 0.93)))
    assert words.removeprefix("Skip to the results ").startswith("PHANTOMS. Every number")
    assert "By their protocol, on phantoms" in words
    assert "reproduced" not in words.lower()
    assert "reproduced" in words_of(render(measured(0.93, 0.93), REAL))
    other = replace(REAL, data_sets={"own": "1"})
    assert "reproduced" not in words_of(render(measured(0.93, 0.93), other))


def test_a_section_says_what_its_models_are_for_and_where_they_come_from() -> None:
    words = words_of(render(measured()))
    for each in (
        "Intended use To try things.", "Limits Few films.", "Digest 0123456789abcdef",
        "Raw root data/01_raw/phantoms", "Code 0.1.0+1a2b3c", "Films 1,234", "Small network mlp",
        "No film was left out", "All metrics of the test part (3)", "Not run yet: Bone age.",
    ):  # fmt: skip
        assert each in words
    assert "Not known." in words_of(render_report(PARAMS, {}, dose_estimation=measured()))


def test_a_section_of_another_environment_is_marked() -> None:
    sections = {name: SectionParams(title=name) for name in REPORTED[:3]}
    params = ReportingParams(sections=sections)
    origins = dict.fromkeys(sections, SOURCE) | {REPORTED[1]: REAL}
    page = render_report(params, origins, **dict.fromkeys(sections, measured()))
    assert page.count("From another run.") == 1
    assert f"PHANTOMS. Numbers and figures of {REPORTED[0]}, {REPORTED[2]} are" in words_of(page)
    assert "of environment public, /data/xray, unlike the rest" in words_of(page)


def test_trainings_that_were_cut_short_have_a_mark_and_a_footnote() -> None:
    words = words_of(render(cut_short(measured(0.95, 0.02))))
    assert "0.0200 ‡" in words
    assert "‡ Dose estimation, cut short: Small network, honest: stopped by the clock." in words
    assert "‡" not in words_of(render(measured()))


def test_an_interval_from_few_groups_is_marked() -> None:
    words = words_of(render(measured(n_groups=7.0)))
    assert "(0.450 to 0.550 †)" in words
    assert "† An interval from fewer than 10" in words


def test_the_page_asks_for_nothing_outside() -> None:
    page = render(measured())
    assert not re.search(r"https?://", page)
    assert all(source.startswith("data:") for source in re.findall(r'src="([^"]+)"', page))
    assert "<script" not in page
    assert "<link" not in page
    assert 'src="data:image/webp;base64,' in page


def test_hostile_text_is_escaped() -> None:
    hostile = measured().metrics.replace("mean", "<script>alert(1)</script>")
    page = render(Summary(hostile))
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "A &lt;title&gt;" in page


def test_a_page_of_nothing_says_so() -> None:
    page = render_report(PARAMS, {}, dose_estimation=NOTHING, bone_age=None)
    assert "No pipeline has run yet." in page
    assert "Not run yet: Dose estimation, Bone age." in page


def test_a_source_without_a_section_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'fracture' has no section.*dose_estimation"):
        render_report(PARAMS, {}, fracture=NOTHING)


def test_parameters_that_speak_of_no_section_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\['dose_estimation'\], which has no section"):
        ReportingParams(claims=(CLAIM,))
    with pytest.raises(ValueError, match="at most 12 items"):
        ReportingParams(claims=(CLAIM,) * (MAX_CLAIMS + 1), sections=PARAMS.sections)


def test_a_slice_runs_on_an_in_memory_catalog() -> None:
    sections = {name: SectionParams(title=name) for name in REPORTED}
    summary = Summary(pd.DataFrame(), {"a": png(), "b": png()})
    catalog = DataCatalog(
        {
            **{f"{name}.summary": MemoryDataset(summary) for name in REPORTED},
            "reporting.sources": MemoryDataset({}),
            "reporting.versions": MemoryDataset({}),
            "params:reporting": MemoryDataset(ReportingParams(sections=sections)),
        }
    )
    made = SequentialRunner().run(create_pipeline(), catalog)
    assert made["reporting.page"].load().count("<figure>") == 2 * len(REPORTED)
    assert made["reporting.comparison"].load() == ""


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


def test_the_settings_speak_of_figures_and_pipelines_that_there_are() -> None:
    params = load_settings()
    assert tuple(params.sections) == REPORTED
    for name, section in params.sections.items():
        figures = import_module(f"xraylab.pipelines.{name}.pipeline").FIGURES
        assert set(section.captions) == set(figures), name
        assert set(section.key_figures) <= set(figures), name
        assert section.key_figures, name
        assert section.intended_use, name
        assert section.limits, name
        assert set(section.baselines) <= {*params.names["all"], *params.names.get(name, {})}, name
    for claim in params.claims:
        protocols = import_module(f"xraylab.pipelines.{claim.pipeline}.pipeline").PROTOCOLS
        named = {*params.names["all"], *params.names[claim.pipeline]}
        for side in (claim.theirs, claim.honest, claim.baseline):
            assert side.protocol in protocols, claim.title
            assert side.model.removesuffix("_by_image") in named, claim.title


def load_settings() -> ReportingParams:
    text = (PROJECT / "conf/base/reporting/parameters.yml").read_text(encoding="utf-8")
    return ReportingParams(**yaml.safe_load(text)["reporting"])
