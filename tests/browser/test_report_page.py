"""The report in a real browser: it fits, it can be read, it asks for nothing, at every width and in light and dark."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from tests.pipelines.reporting.examples import CLAIM, PARAMS, cut_short, measured, png
from tests.test_provenance import SOURCE

from xraylab.pipelines.reporting.nodes import render_report

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]  # fmt: skip

WIDTHS, SCHEMES = (390, 768, 1280), ("light", "dark")
MAX_BYTES = 4_000_000
MIN_CONTRAST = 4.5

# Elements whose right edge lies beyond the window, but for those in a part that scrolls by itself.
BEYOND = """() => [...document.querySelectorAll('body *')]
  .filter(e => !e.closest('.scroll, .skip, .unseen, .claims thead') && e.checkVisibility())
  .filter(e => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
  .map(e => `${e.tagName}.${e.className.baseVal ?? e.className}`)"""

# Text that stands out too little from what is behind it, by the formula of WCAG 2.
FAINT = """(least) => {
  const numbers = text => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = rgb => rgb.slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = e => {
    for (; e; e = e.parentElement) {
      const c = numbers(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const found = new Set();
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; node = walker.nextNode();) {
    const e = node.parentElement;
    if (!node.data.trim() || ['STYLE', 'TITLE', 'DESC'].includes(e.tagName.toUpperCase())) continue;
    const style = getComputedStyle(e);
    const ink = numbers(e instanceof SVGElement ? style.fill : style.color);
    const [a, b] = [light(ink), light(behind(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < least) found.add(`${((a + 0.05) / (b + 0.05)).toFixed(2)}: ${node.data.trim()}`);
  }
  return [...found];
}"""

# Headings that skip a level, pictures without a text, tables without a caption, cells without a row heading.
UNNAMED = """() => {
  const levels = [...document.querySelectorAll('h1, h2, h3, h4')].map(e => Number(e.tagName[1]));
  const skips = levels.filter((level, i) => level - (levels[i - 1] ?? 0) > 1);
  const without = (selector, has) => [...document.querySelectorAll(selector)].filter(e => !has(e)).map(e => selector);
  return [
    ...skips.map(level => `h${level}`),
    ...without('img', e => e.alt.trim()),
    ...without('table', e => e.caption?.innerText.trim() || e.caption?.textContent.trim()),
    ...without('svg.strip', e => e.querySelector('title') && e.querySelector('desc')),
    ...without('nav, section', e => e.ariaLabel || document.getElementById(e.getAttribute('aria-labelledby'))),
    ...without('a[href^="#"]', e => document.querySelector(e.getAttribute('href'))),
  ];
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield found
        found.close()


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
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    problems: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    page.goto(path.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach(each => each.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(BEYOND) == []
    assert page.evaluate(FAINT, MIN_CONTRAST) == []
    assert page.evaluate(UNNAMED) == []
    check_headline(page, width)
    assert page.get_by_text("Research software. Not a medical device.").is_visible()
    assert page.locator("figure img").first.evaluate("image => image.naturalWidth") > 100
    page.get_by_role("link", name="Dose estimation").click()
    assert page.url.endswith("#dose_estimation")
    page.close()
    assert problems == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


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
    page = browser.new_page()
    page.goto(awkward_page.as_uri())
    page.keyboard.press("Tab")
    assert page.locator(".skip").evaluate("link => link.getBoundingClientRect().left >= 0")
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    page.close()
