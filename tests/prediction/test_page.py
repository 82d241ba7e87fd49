"""The page of results: what it shows, in which order, and what a stranger's name does to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
from tests.prediction.page_examples import AGE, HOSTILE, ONE_OF_EACH, content, many, noise, predict

from xraylab.prediction.page import render_page
from xraylab.prediction.page_films import describe_film, find_answer, format_value
from xraylab.prediction.page_sections import (
    MAX_PICTURE_BYTES,
    MAX_PICTURES,
    MAX_ROWS,
    make_sections,
    share_places,
)
from xraylab.prediction.result import Column, tabulate

MAX_BYTES = 4_000_000


class Parsed(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.tags if each == tag]


class CountedThumbnails(Mapping[str, bytes]):
    """One picture for every film, which counts how often it is read."""

    def __init__(self, paths: list[str], picture: bytes) -> None:
        self.paths, self.picture, self.n_read = dict.fromkeys(paths), picture, 0

    def __getitem__(self, path: str) -> bytes:
        self.n_read += 1
        return self.picture

    def __contains__(self, path: object) -> bool:
        return path in self.paths

    def __iter__(self) -> Iterator[str]:
        return iter(self.paths)

    def __len__(self) -> int:
        return len(self.paths)


def test_the_first_lines_say_what_it_is_and_that_it_is_no_medical_device() -> None:
    text = " ".join(Parsed(render_page(content())).text.split("body {")[0].split())
    assert text.startswith("Bone age: predictions")
    words = " ".join(render_page(content()).partition("<body>")[2].split())
    assert words.index("Bone age: predictions") < words.index("Not a medical device")
    assert words.index("Not a medical device") < words.index('class="counts"')
    assert "The bone age is that of the atlas." in words


def test_kinds_stand_in_the_order_of_a_readers_interest_with_their_counts() -> None:
    page = render_page(content())
    places = [
        page.index(f'<h2 id="{kind}"')
        for kind in ("doubtful", "refused", "unreadable", "ok", "ignored")
    ]
    assert places == sorted(places)
    assert page.count("<strong>1</strong>") == 5
    assert "<strong>5</strong> files in all" in page
    assert page.count("<details>") == 1  # ignored; the others are open
    for reason in (
        "looks inverted",
        "is a film of the CHEST",
        "holds a truncated PNG stream",
        "is a hidden file",
    ):
        assert reason in page


def test_a_film_has_its_prediction_with_unit_and_interval() -> None:
    page = " ".join(render_page(content()).split())
    assert "<strong>101.4 months</strong>" in page
    assert "90 % interval 92.3 to 110.4 months" in page
    assert 'alt="turned.png, doubtful: Bone age 101.4 months"' in page
    assert "<dt>Unfamiliarity</dt><dd>0.93</dd>" in page
    assert "<dt>If male</dt><dd>101.4 months</dd>" in page
    assert '<a href="masks/film.png">Mask</a>' in page


def test_a_refused_film_that_was_predicted_all_the_same_keeps_its_prediction() -> None:
    refused = replace(
        predict("a.png", "refused", "is a CT image"), outputs=predict("b.png").outputs
    )
    sections = make_sections(tabulate([refused.row()], AGE), AGE, {})
    assert [(each.answer, each.reason) for each in sections[0].rows] == [
        ("101.4 months", "is a CT image")
    ]


@pytest.mark.parametrize(
    ("trained_on", "said"),
    [("phantoms (rsna_bone_age)", True), ("PHANTOMS", True), ("rsna_bone_age", False)],
)
def test_a_model_of_phantoms_says_so(trained_on: str, said: bool) -> None:
    page = render_page(content([predict("a.png", trained_on=trained_on)]))
    assert ("Its predictions say nothing of real films." in page) is said


def test_a_folder_without_files_gives_a_page() -> None:
    page = render_page(content([]))
    assert "There is no file in the folder." in page
    assert "<strong>0</strong> files in all" in page


def test_names_of_strangers_are_words_and_nothing_else() -> None:
    rows = [
        predict(path, kind, "" if kind == "ok" else "is a <b>film</b>")
        for kind in ("ok", "doubtful", "refused", "unreadable", "ignored")
        for path in HOSTILE
    ]
    rows[0].outputs["mask"] = "javascript:alert(4)/<b>.png"
    rows[0].outputs["sex"] = "<b>x</b>"
    page = render_page(content(rows))
    plain = Parsed(render_page(content()))
    parsed = Parsed(page)
    assert {tag for tag, _ in parsed.tags} <= {tag for tag, _ in plain.tags}
    assert all("onerror" not in attributes for _, attributes in parsed.tags)
    links = {str(each["href"]) for each in parsed.all("a")}
    assert not any(link.startswith("javascript:") for link in links)
    assert "javascript%3Aalert%284%29/%3Cb%3E.png" in links
    assert "turned\\u202egnp.exe" in page
    assert "\u202e" not in page
    assert "line\\nbreak.png" in page


def test_a_page_of_ten_thousand_films_is_small_and_says_what_it_leaves_out() -> None:
    table = many()
    thumbnails = CountedThumbnails(table["path"].tolist(), noise(1))
    full = replace(content(), table=table, thumbnails=thumbnails)
    page = render_page(full)
    assert len(page.encode()) < MAX_BYTES
    assert thumbnails.n_read == MAX_PICTURES
    assert len(Parsed(page).all("img")) == MAX_PICTURES
    left_out = len(table) - MAX_PICTURES - MAX_ROWS
    assert f"{left_out:,} of them are not on this page" in page
    assert page.count('href="predictions.csv"') == 1 + 1  # at the top, and with the ok films


def test_a_page_of_large_pictures_is_small_too() -> None:
    table = many(2_000)
    png = b"\x89PNG" + np.random.default_rng(0).bytes(40_000)
    full = replace(
        content(), table=table, thumbnails=CountedThumbnails(table["path"].tolist(), png)
    )
    page = render_page(full)
    assert len(page.encode()) < MAX_BYTES
    assert len(Parsed(page).all("img")) == MAX_PICTURE_BYTES // len(png)


def test_a_page_of_long_names_and_reasons_is_small_too() -> None:
    rows = [
        predict(f"{'x' * 200}/{i:015d}.png", kind, "y" * 400)
        for i in range(1_000)
        for kind in ("doubtful", "refused", "unreadable")
    ]
    thumbnails = CountedThumbnails([each.path for each in rows], noise(1))
    page = render_page(replace(content(rows, {}), thumbnails=thumbnails))
    assert len(page.encode()) < MAX_BYTES


def test_pictures_are_the_least_familiar_of_the_doubtful_and_an_even_sample_of_the_ok_ones() -> (
    None
):
    rows = [predict(f"d{i}.png", "doubtful", "x", i / 1000) for i in range(400)]
    rows += [predict(f"o{i:04d}.png") for i in range(1000)]
    table = tabulate((each.row() for each in rows), AGE)
    sections = make_sections(table, AGE, CountedThumbnails(table["path"].tolist(), noise(1)))
    doubtful, ok = ([film.name for film, _ in each.pictures] for each in sections)
    assert doubtful == [f"d{i}.png" for i in range(399, 249, -1)]
    assert (ok[0], ok[-1], len(ok)) == ("o0000.png", "o0999.png", 150)
    steps = np.diff([int(name[1:5]) for name in ok])
    assert set(steps) <= {6, 7}
    assert sections[0].rows[0].name == "d249.png"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ((5, 5, 5), (5, 5, 5)),
        ((900, 900, 900), (100, 100, 100)),
        ((900, 20, 900), (180, 20, 100)),
        ((0, 0, 900), (0, 0, 300)),
    ],
)
def test_places_that_one_does_not_need_go_to_the_others(
    wanted: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert tuple(share_places(dict(enumerate(wanted)), 300).values()) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "column", "words"),
    [
        (0.12345, Column("p", "P"), "0.12"),
        (np.float32(-1.55), Column("p", "P", "mm", 1), "−1.5 mm"),
        (-0.001, Column("p", "P"), "0.00"),
        (3, Column("n", "N", digits=0), "3"),
        (np.int64(3), Column("n", "N", digits=0), "3"),
        (True, Column("f", "F"), "yes"),
        (np.bool_(False), Column("f", "F"), "no"),
        ("fracture", Column("f", "F"), "fracture"),
        (None, Column("f", "F"), ""),
        (float("nan"), Column("f", "F"), ""),
    ],
)
def test_values_are_written_as_a_person_would(value: Any, column: Column, words: str) -> None:
    assert format_value(value, column) == words


def test_the_answer_is_the_first_number_and_words_after_it_are_its_verdict() -> None:
    columns = [Column("sex", "Sex"), Column("p", "Probability"), Column("finding", "Finding")]
    row = {
        "path": "a.png",
        "status": "ok",
        "sex": "male",
        "p": 0.7,
        "finding": "fracture",
        "unfamiliarity": None,
    }
    answer = find_answer(tabulate([row], columns), columns)
    assert answer is columns[1]
    film = describe_film(row, columns, answer)
    assert (film.answer, film.verdict, film.values) == ("0.70", "fracture", (("Sex", "male"),))


def test_the_table_is_left_as_it_was() -> None:
    table = tabulate((each.row() for each in ONE_OF_EACH), AGE)
    before = table.copy()
    render_page(replace(content(), table=table))
    assert table.equals(before)
