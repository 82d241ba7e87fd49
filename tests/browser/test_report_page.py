"""The report in a real browser: it fits, it can be read, it asks for nothing, at every width and in light and dark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from tests.browser.pages import (
    BEYOND,
    MAX_BYTES,
    SCHEMES,
    WIDTHS,
    check_keyboard,
    needs_chromium,
    opened,
)
from tests.pipelines.reporting.examples import CLAIM, PARAMS, cut_short, measured, png
from tests.test_provenance import SOURCE

from xraylab.pipelines.reporting.nodes import render_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def awkward_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of long names, many protocols, a training that was cut short and claims of every verdict."""
    summary = cut_short(measured(0.95, 0.5))
    long = "a_model_whose_name_is_far_too_long_for_a_column"
    rows = [
        summary.metrics.assign(protocol=protocol, model=model)
        for protocol in ("fair", "sites", "seed_table")
        for model in ("mlp", "mlp_shenzhen", long)
    ]
    tables = {
        "rejected": pd.DataFrame(
            {"image_id": ["a"], "reason": [f"is of the folder {'x' * 60}/{'y' * 60}"]}
        ),
        "leakage": pd.DataFrame(
            {
                "protocol": [long],
                "kind": ["near_duplicate"],
                "action": ["reported"],
                "n_pairs": [12345],
            }
        ),
    }
    honest = CLAIM.model_copy(update={"theirs": CLAIM.honest.model_copy(update={"model": long})})
    lost = CLAIM.model_copy(update={"metric": "mae"})
    params = PARAMS.model_copy(update={"claims": (CLAIM, honest, lost)})
    full = replace(
        summary,
        metrics=pd.concat([summary.metrics, *rows]),
        figures={"loss_curves": png(1500, 700), "roc": png()},
        tables={**summary.tables, **tables},
    )
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_report(params, {"dose_estimation": SOURCE}, dose_estimation=full))
    return path


def check_page(browser: Browser, path: Path, width: int, scheme: str) -> None:
    with opened(browser, path, width, scheme) as page:
        check_headline(page, width)
        assert page.locator("figure img").first.evaluate("image => image.naturalWidth") > 100
        page.get_by_role("link", name="Dose estimation").click()
        assert page.url.endswith("#dose_estimation")


def check_headline(page: Page, width: int) -> None:
    """Every cell of the headline can be seen without scrolling sideways, and is still a cell for a screen reader."""
    table = page.get_by_role("table", name="What is left of each claim")
    cells = table.locator("tbody th, tbody td")
    for box in cells.evaluate_all("cells => cells.map(e => e.getBoundingClientRect().toJSON())"):
        assert box["width"] > 0
        assert 0 <= box["left"] < box["right"] <= width
    assert (
        cells.evaluate_all("all => all.filter(e => e.scrollWidth > e.clientWidth + 1).length") == 0
    )
    assert table.get_by_role("rowheader").count() == table.locator("tbody tr").count()
    assert table.get_by_role("columnheader", name="Honestly").count() == 1
    assert table.locator("svg.strip").first.is_visible()


@pytest.mark.parametrize("width", [320, *WIDTHS])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_page_of_awkward_names_renders(
    browser: Browser, awkward_page: Path, width: int, scheme: str
) -> None:
    check_page(browser, awkward_page, width, scheme)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_page_of_the_default_run_renders(
    browser: Browser, finished_run: Path, width: int, scheme: str
) -> None:
    check_page(browser, finished_run / "data/test/08_reporting/report.html", width, scheme)


def test_the_page_of_the_default_run_is_small(finished_run: Path) -> None:
    page = finished_run / "data/test/08_reporting/report.html"
    assert page.stat().st_size <= MAX_BYTES


def test_on_paper_the_headline_fits_and_what_is_folded_stays_away(
    browser: Browser, awkward_page: Path
) -> None:
    page = browser.new_page(viewport={"width": 794, "height": 1123})  # A4 at 96 dots per inch
    page.goto(awkward_page.as_uri())
    page.emulate_media(media="print")
    assert page.evaluate(BEYOND) == []
    assert not page.get_by_role("navigation").is_visible()
    assert not page.locator("details").first.is_visible()
    page.close()


def test_the_keyboard_reaches_the_results_first(browser: Browser, awkward_page: Path) -> None:
    check_keyboard(browser, awkward_page)
