"""Two versions side by side in a real browser, at every width and in light and dark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from tests.browser.pages import SCHEMES, WIDTHS, needs_chromium, opened
from tests.pipelines.reporting.examples import PARAMS, REAL, measured
from tests.test_provenance import SOURCE

from xraylab.datasets.versions_dataset import Version
from xraylab.pipelines.reporting.comparison import compare_versions

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_chromium

LONG = "a_model_whose_name_is_far_too_long_for_a_column"


@pytest.fixture(scope="module")
def awkward_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of long names, two pipelines, long settings, and metrics that one version lacks."""
    first, second = measured(0.95, 0.5), measured(0.95, 0.7)
    named = second.metrics.assign(model=LONG)
    card: dict[str, Any] = {"network": {"a_setting_" * 6: "x" * 200}, "fit": {"epochs": 2}}
    other = {"network": {"a_setting_" * 6: "y" * 200}, "fit": {"epochs": 3}}
    a = Version("2026-11-21T10.00.00.000Z", first.metrics, SOURCE, {f"honest/{LONG}": card})
    b = Version(
        "2026-11-22T10.00.00.000Z",
        pd.concat([second.metrics, named, named.assign(metric="accuracy")]),
        replace(REAL, raw_root_as_given=f"/data/{'x' * 60}/{'y' * 60}"),
        {f"honest/{LONG}": other, "honest/mlp": card},
    )
    path = tmp_path_factory.mktemp("page") / "comparison.html"
    path.write_text(compare_versions(PARAMS, {"dose_estimation": (a, b), "bone_age": (a, a)}))
    return path


@pytest.mark.parametrize("width", [320, *WIDTHS])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_the_comparison_renders(
    browser: Browser, awkward_page: Path, width: int, scheme: str
) -> None:
    with opened(browser, awkward_page, width, scheme) as page:
        table = page.get_by_role(
            "table", name="Dose estimation: the metrics that the report compares"
        )
        cells = table.locator("tbody th, tbody td")
        for box in cells.evaluate_all("all => all.map(e => e.getBoundingClientRect().toJSON())"):
            assert box["width"] > 0
            assert 0 <= box["left"] < box["right"] <= width
        assert table.get_by_role("rowheader").count() == table.locator("tbody tr").count()
        assert table.get_by_role("columnheader", name="B minus A").count() == 1
        assert table.locator("strong", has_text="higher").first.is_visible()
        page.get_by_role("link", name="Bone age").click()
        assert page.url.endswith("#bone_age")
