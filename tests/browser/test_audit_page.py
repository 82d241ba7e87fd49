"""The page of an audit in a real browser, at every width and in light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser.pages import BEYOND, SCHEMES, WIDTHS, check_keyboard, needs_chromium, opened
from tests.pipelines.audit.page_examples import clean_set, empty_set, full, hostile

from xraylab.pipelines.audit.page import render_audit

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_chromium

# Strips of the plot are long enough to be read.
STRIPS = "all => all.map(each => each.getBoundingClientRect().width)"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A page of every kind of finding, of hostile names, of a clean set and of nothing."""
    folder = tmp_path_factory.mktemp("pages")
    made = {"full": full(), "hostile": hostile(), "clean": clean_set(), "empty": empty_set()}
    for name, content in made.items():
        (folder / f"{name}.html").write_text(render_audit(content), "utf-8")
    return {name: folder / f"{name}.html" for name in made}


@pytest.mark.parametrize("width", [320, *WIDTHS])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", ["full", "hostile"])
def test_a_page_of_findings_renders(
    browser: Browser, pages: dict[str, Path], name: str, width: int, scheme: str
) -> None:
    with opened(browser, pages[name], width, scheme) as page:
        verdict = page.locator(".verdict p")
        assert verdict.inner_text() == "Not fit to train on as it is: 3 errors, 5 warnings."
        assert verdict.evaluate("each => each.getBoundingClientRect().bottom") < 500
        table = page.get_by_role("table", name="What each check found")
        assert table.get_by_role("rowheader").count() == 6
        for box in table.locator("tbody th, tbody td").evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().toJSON())"
        ):
            assert box["width"] > 0
            assert 0 <= box["left"] < box["right"] <= width
        pictures = page.locator(".film img")
        assert pictures.evaluate_all("all => all.every(each => each.naturalWidth >= 96)")
        assert min(page.locator("svg.strip").evaluate_all(STRIPS)) >= 200
        page.get_by_role("link", name="Patients and studies").click()
        assert page.url.endswith("#groups")


@pytest.mark.parametrize("width", [320, 1280])
@pytest.mark.parametrize("name", ["clean", "empty"])
def test_a_page_without_findings_renders(
    browser: Browser, pages: dict[str, Path], name: str, width: int
) -> None:
    with opened(browser, pages[name], width, "light") as page:
        assert page.get_by_role("table", name="What each check found").is_visible()


def test_a_reason_of_the_verdict_leads_to_its_finding(
    browser: Browser, pages: dict[str, Path]
) -> None:
    with opened(browser, pages["full"], 1280, "light") as page:
        page.get_by_role("link", name="1 film is in the set with two labels.").click()
        assert page.url.endswith("#copies-2")
        top = page.locator("#copies-2").evaluate("each => each.getBoundingClientRect().top")
        assert 0 <= top < 200


def test_copies_stand_side_by_side_on_a_phone_too(browser: Browser, pages: dict[str, Path]) -> None:
    with opened(browser, pages["full"], 320, "light") as page:
        boxes = page.locator(".group").first.locator("img").evaluate_all(
            "all => all.map(each => each.getBoundingClientRect().toJSON())"
        )  # fmt: skip
        first, second = boxes
        assert first["top"] == second["top"]
        assert first["right"] < second["left"]


def test_the_keyboard_reaches_the_checks_first(browser: Browser, pages: dict[str, Path]) -> None:
    check_keyboard(browser, pages["full"])


def test_on_paper_it_fits_and_copies_are_not_parted(
    browser: Browser, pages: dict[str, Path]
) -> None:
    page = browser.new_page(viewport={"width": 794, "height": 1123})  # A4 at 96 dots per inch
    page.goto(pages["full"].as_uri())
    page.emulate_media(media="print")
    assert page.evaluate(BEYOND) == []
    assert page.locator(".verdict").is_visible()
    inside = page.locator(".group").first.evaluate("each => getComputedStyle(each).breakInside")
    assert inside == "avoid"
    page.close()
