"""The page of results in a real browser, at every width and in light and dark."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.browser.pages import BEYOND, SCHEMES, WIDTHS, check_keyboard, needs_chromium, opened
from tests.prediction.page_examples import HOSTILE, ONE_OF_EACH, content, many, noise, predict

from xraylab.prediction.page import render_page

if TYPE_CHECKING:
    from playwright.sync_api import Browser

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def awkward_page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of one film of each kind, and of every kind with each hostile name."""
    rows = [*ONE_OF_EACH]
    rows += [
        predict(
            path,
            kind,
            "" if kind == "ok" else "is a <b>film</b>",
            trained_on="phantoms (hands)",
        )
        for kind in ("ok", "doubtful", "refused", "unreadable", "ignored")
        for path in HOSTILE
    ]
    path = tmp_path_factory.mktemp("page") / "summary.html"
    path.write_text(render_page(content(rows)), "utf-8")
    return path


@pytest.mark.parametrize("width", [320, *WIDTHS])
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_page_of_awkward_names_renders(
    browser: Browser, awkward_page: Path, width: int, scheme: str
) -> None:
    with opened(browser, awkward_page, width, scheme) as page:
        assert page.get_by_text("TRAINED ON PHANTOMS.").is_visible()
        assert page.locator(".film img").first.evaluate("image => image.naturalWidth") > 100
        assert page.get_by_role(
            "img", name="turned.png, doubtful: Bone age 101.4 months"
        ).is_visible()
        assert page.get_by_role("heading", level=2).first.inner_text().startswith("Doubtful")
        page.get_by_role("link", name="7 refused").click()
        assert page.url.endswith("#refused")


def test_what_is_ignored_is_folded_and_opens_by_the_keyboard(
    browser: Browser, awkward_page: Path
) -> None:
    page = browser.new_page()
    page.goto(awkward_page.as_uri())
    row = page.get_by_text("is a hidden file")
    assert not row.is_visible()
    page.locator("section.ignored summary").focus()
    page.keyboard.press("Enter")
    assert row.is_visible()
    page.close()


def test_the_keyboard_reaches_the_films_first(browser: Browser, awkward_page: Path) -> None:
    check_keyboard(browser, awkward_page)


def test_on_paper_it_fits_and_films_are_not_cut(browser: Browser, awkward_page: Path) -> None:
    page = browser.new_page(viewport={"width": 794, "height": 1123})  # A4 at 96 dots per inch
    page.goto(awkward_page.as_uri())
    page.emulate_media(media="print")
    assert page.evaluate(BEYOND) == []
    assert page.locator(".counts").is_visible()
    inside = page.locator(".film").first.evaluate("film => getComputedStyle(film).breakInside")
    assert inside == "avoid"
    page.close()


def test_a_page_of_ten_thousand_films_opens(browser: Browser, tmp_path: Path) -> None:
    table = many()
    full = replace(content(), table=table, thumbnails=dict.fromkeys(table["path"], noise(1)))
    path = tmp_path / "summary.html"
    path.write_text(render_page(full), "utf-8")
    with opened(browser, path, 390, "light") as page:
        assert page.locator(".film").count() == 300
