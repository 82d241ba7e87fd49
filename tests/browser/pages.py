"""What every page keeps, asked in a real browser: it fits, it can be read, it asks for nothing."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
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

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")


@contextmanager
def opened(browser: Browser, path: Path, width: int, scheme: str) -> Iterator[Page]:
    """Open a page with everything unfolded, check what every page keeps, and close it.

    When it is closed nothing has been written to the console, and no other file has been asked for.
    """
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
    assert page.get_by_text("Research software. Not a medical device.").is_visible()
    yield page
    page.close()
    assert problems == []
    assert [url for url in requests if not url.startswith(("file:", "data:"))] == []


def check_keyboard(browser: Browser, path: Path) -> None:
    """The first thing that the keyboard reaches is the way to the results."""
    page = browser.new_page()
    page.goto(path.as_uri())
    page.keyboard.press("Tab")
    assert page.locator(".skip").evaluate("link => link.getBoundingClientRect().left >= 0")
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
    page.close()
