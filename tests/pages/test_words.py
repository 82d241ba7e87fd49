"""Words of others on a page."""

from __future__ import annotations

import os

import pytest

from xraylab.pages import data_address, make_environment, printable, shorten


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Röntgen – 手 👍.png", "Röntgen – 手 👍.png"),
        ("turned\u202egnp.exe", "turned\\u202egnp.exe"),
        ("no\u200bwidth", "no\\u200bwidth"),
        ("tab\tand\nline", "tab\\tand\\nline"),
        (os.fsdecode(b"no text \xff.png"), "no text \\udcff.png"),
        ("", ""),
    ],
)
def test_what_cannot_be_seen_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown
    assert printable(text).encode() == shown.encode()


@pytest.mark.parametrize("length", [3, 10, 99, 100, 101])
def test_a_shortened_name_keeps_its_end(length: int) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(100))
    shown = shorten(text, length)
    assert len(shown) == min(length, len(text))
    assert shown[-2:] == text[-2:]


def test_what_is_no_image_of_a_page_is_refused() -> None:
    with pytest.raises(ValueError, match="JPEG, PNG or WebP"):
        data_address(b"<svg>")
    assert data_address(b"\xff\xd8\xff").startswith("data:image/jpeg;base64,")
    assert data_address(b"\x89PNG").startswith("data:image/png;base64,")


def test_all_pages_find_the_style_that_they_share() -> None:
    for package in ("xraylab.prediction", "xraylab.pipelines.reporting", "xraylab.pipelines.audit"):
        assert "base.css" in make_environment(package).list_templates()
