"""The report in a real browser: no error, no request, nothing wider than a telephone."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from tests.test_provenance import SOURCE

from xraylab.datasets.summary_dataset import Summary
from xraylab.pipelines.reporting.nodes import render_report
from xraylab.pipelines.reporting.params import PublishedValue, ReportingParams, SectionParams

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip


def make_page(folder: Path) -> Path:
    """Write a page with long names, many protocols and one figure."""
    from io import BytesIO

    from matplotlib.figure import Figure

    figure, buffer = Figure(figsize=(8, 3)), BytesIO()
    figure.subplots().plot([0, 1])
    figure.savefig(buffer)
    protocols = ["published", "honest", "fair"]
    metrics = pd.DataFrame(
        [
            (p, m, "test", "r2", 0.5, 0.4, 0.6, 99)
            for p in protocols
            for m in ("mlp", "a_model_with_a_long_name")
        ],
        columns=["protocol", "model", "split", "metric", "value", "ci_low", "ci_high", "n"],
    )
    section = SectionParams(
        title="Dose estimation",
        compared=("r2",),
        published=(PublishedValue(model="mlp", metric="r2", value=0.928, note="5,606 films"),),
    )
    params = ReportingParams(sections={"dose_estimation": section})
    path = folder / "report.html"
    path.write_text(
        render_report(
            params,
            {"dose_estimation": SOURCE},
            dose_estimation=Summary(metrics, {"loss": buffer.getvalue()}),
        )
    )
    return path


def check_page(path: Path, width: int, scheme: str) -> None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
        problems: list[str] = []
        requests: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.locator("figure img").first.evaluate("image => image.naturalWidth") > 100
        assert page.get_by_text("Research software. Not a medical device.").is_visible()
        assert page.get_by_role("columnheader", name="Honest").count() == 1
        page.get_by_role("link", name="Dose estimation").click()
        assert page.url.endswith("#dose_estimation")
        browser.close()
    assert problems == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_of_awkward_names_renders(tmp_path: Path, width: int, scheme: str) -> None:
    check_page(make_page(tmp_path), width, scheme)


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_of_the_default_run_renders(finished_run: Path, width: int, scheme: str) -> None:
    check_page(finished_run / "data/test/08_reporting/report.html", width, scheme)
