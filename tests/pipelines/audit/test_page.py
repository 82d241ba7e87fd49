"""The page of an audit: what it says first, which films it shows, and what a stranger's name does to it."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest
from tests.pipelines.audit.page_examples import (
    clean_set,
    empty_set,
    full,
    hand,
    hold,
    hostile,
    make_probes,
    make_records,
    make_split,
    tables,
)

from xraylab.pipelines.audit.findings import Finding, Severity, tabulate_findings
from xraylab.pipelines.audit.page import MAX_PICTURES, AuditContent, render_audit
from xraylab.pipelines.audit.page_films import FilmShelf
from xraylab.pipelines.audit.page_findings import (
    MAX_FILMS,
    MAX_FINDINGS,
    choose_examples,
    describe_checks,
    write_verdict,
)
from xraylab.pipelines.audit.page_probes import draw_charts
from xraylab.pipelines.audit.page_suspects import MAX_SUSPECTS
from xraylab.pipelines.audit.page_tables import (
    count_by_parts,
    count_by_size,
    count_moves,
    count_parts,
    count_reasons,
)
from xraylab.pipelines.audit.page_words import write_share, write_value

MAX_BYTES = 4_000_000


class Parsed(HTMLParser):
    """The tags of a page with their attributes, and the text of its body."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page.partition("<body>")[2].replace("<wbr>", ""))
        self.text = " ".join(" ".join(self.words).split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for each, attributes in self.tags if each == tag]


def finding(severity: Severity, **facts: Any) -> Finding:
    return Finding("files", "blank", severity, "A film is blank.", 1, 4, **facts)


def test_the_first_lines_are_the_verdict_why_and_what_was_read() -> None:
    text = Parsed(render_audit(full())).text
    expected = [
        "hands_of_2025: audit",
        "Not fit to train on as it is: 3 errors, 5 warnings.",
        "Error: 2 of 10 films of the test part are copies",
        "Error: 3 of 18 patients are in more than one part.",
        "Warning: 2 files cannot be read.",
        "and 4 more, below",
        "Films read 30",
        "Parts train 10, val 10, test 10 (the names of folders)",
        "Patients 18 of 30 films (column 'patient_id' of labels.csv)",
        "Checks What each check found",
    ]
    places = [text.index(each) for each in expected]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("severities", "n_films", "verdict", "tone"),
    [
        (["error", "error", "warning"], 9, "Not fit to train on as it is: 2 errors, 1 warning.", "error"),
        (["info", "error"], 9, "Not fit to train on as it is: 1 error.", "error"),
        (["warning"] * 3, 9, "Look before you train: 3 warnings.", "warning"),
        (["info"], 9, "Nothing was found that speaks against training on it.", "none"),
        ([], 9, "Nothing was found that speaks against training on it.", "none"),
        ([], 0, "There is nothing to train on: no film could be read.", "error"),
        (["warning"], 0, "There is nothing to train on: no film could be read.", "error"),
    ],
)  # fmt: skip
def test_the_verdict_is_that_of_the_worst_finding(
    severities: list[Severity], n_films: int, verdict: str, tone: str
) -> None:
    findings = tabulate_findings([finding(each) for each in severities])
    assert write_verdict(findings, n_films) == (verdict, tone)


def test_every_check_is_a_row_with_its_worst_finding_and_a_section() -> None:
    text = Parsed(render_audit(full())).text
    for row in (
        "Files 0 2 2 files cannot be read.",
        "Copies 2 0 2 of 10 films of the test part are copies of films of other parts.",
        "Patients and studies 1 0 3 of 18 patients are in more than one part.",
        "Parts 0 1 An AUROC of the test part is known to ±0.22 only.",
        "Shortcuts 0 1 The size of the file alone tells the label.",
        "Labels 0 1 2 films look like those of another class.",
    ):
        assert row in text
    links = {each["href"] for each in Parsed(render_audit(full())).all("a")}
    assert {"#files", "#copies", "#groups", "#splits", "#shortcuts", "#labels"} <= links
    assert {"findings.csv", "films.csv", "clusters.csv", "split.csv"} <= links


def test_the_worst_finding_of_a_check_comes_first_and_says_share_figure_and_advice() -> None:
    findings = tabulate_findings([finding("info"), finding("warning"), finding("error")])
    checks = describe_checks(findings, FilmShelf(*shelf_tables(), None, []), 10)
    assert [each.severity for each in checks[0].findings] == ["error", "warning", "info"]
    assert [each.anchor for each in checks[0].findings] == ["files-1", "files-2", "files-3"]
    text = Parsed(render_audit(full())).text
    words = "The size of the file alone tells the label. 30 of 30 (100 %); AUROC 0.91 (95 % interval 0.84 to 0.97) "
    assert f"{words}Save all films in one format" in text


def shelf_tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    return make_records([]), tables()["clusters"]


def test_copies_stand_side_by_side_as_they_are_with_their_relation() -> None:
    page = render_audit(full())
    group = page[page.index('<li class="group">') :].partition("</ul>")[0]
    parsed = Parsed(f"<body>{group}")
    assert parsed.text == (
        "Near-duplicate, mirrored, then turned by 90° clockwise, similarity 0.97 "
        "train/a/ hand_000.png train · not fractured patient 00000000 "
        "test/b/ hand_000.png test · fractured patient 00000019"
    )
    first, second = (decode(str(each["src"])) for each in parsed.all("img"))
    assert first.shape == (160, 160)
    turned = np.rot90(first, 1)[:, ::-1]
    assert np.corrcoef(second.ravel(), turned.ravel())[0, 1] > 0.98
    assert np.corrcoef(second.ravel(), first.ravel())[0, 1] < 0.9


def decode(address: str) -> np.ndarray[Any, Any]:
    data = base64.b64decode(address.partition(",")[2])
    return np.asarray(cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE))


def test_each_film_of_a_larger_cluster_says_what_it_is() -> None:
    text = Parsed(render_audit(full())).text
    assert "val/a/ hand_001.png val · not fractured same bytes" in text
    assert "val/a/ hand_002.png val · not fractured same pixels" in text


def test_ids_of_patients_are_not_on_the_page() -> None:
    content = full()
    assert content.records["patient"].str.startswith("SECRET").sum() == 30
    assert "SECRET" not in render_audit(content)


def test_names_of_strangers_are_words_and_nothing_else() -> None:
    page = render_audit(hostile())
    parsed, plain = Parsed(page), Parsed(render_audit(full()))
    assert {tag for tag, _ in parsed.tags} <= {tag for tag, _ in plain.tags}
    assert not {name for _, each in parsed.tags for name in each if name.startswith("on")}
    assert {str(each["href"]) for each in parsed.all("a")} == {
        str(each["href"]) for each in plain.all("a")
    }
    assert "\u202e" not in page
    assert "turned\\u202egnp.exe" in page
    assert "line\\nbreak.png" in page
    assert "&lt;script&gt;" in page
    assert "very_long_name_without_a_break" * 5 not in page


def test_nothing_is_asked_for_and_no_script_runs() -> None:
    parsed = Parsed(render_audit(full()))
    assert not parsed.all("script")
    assert not parsed.all("link")
    sources = [str(each["src"]) for each in parsed.all("img")]
    assert all(each.startswith("data:image/webp;base64,") for each in sources)
    assert all(each["alt"] for each in parsed.all("img"))


def test_films_without_a_picture_are_named_with_the_reason() -> None:
    text = Parsed(render_audit(full())).text
    assert "train/a/ cut.png (train, holds a truncated PNG stream)" in text


def test_a_film_that_no_record_has_is_named() -> None:
    findings = tabulate_findings([finding("warning", examples=[["gone.png"]])])
    assert "gone.png" in Parsed(render_audit(replace(clean_set(), findings=findings))).text


class CountedFilms:
    """Noise for every film, which counts how often a film is read."""

    def __init__(self) -> None:
        self.n_read = 0

    def __getitem__(self, row: int) -> np.ndarray[Any, Any]:
        self.n_read += 1
        return np.random.default_rng(row).integers(0, 256, (224, 224), dtype=np.uint8)


def busy(n_findings: int) -> tuple[AuditContent, CountedFilms]:
    """A set with so many findings of noise, each with more films than can be shown."""
    ids = [f"{'folder_' * 20}/train/b/{i:06d}.png" for i in range(3_000)]
    severities: tuple[Severity, ...] = ("info", "warning", "error")
    findings = [
        Finding(
            "copies", "copies_across_parts", severities[i % 3], f"Finding {i}." + " word" * 60, 9, 90, "x" * 300,
            [ids[(7 * i + k) % 2900 : (7 * i + k) % 2900 + 7] for k in range(6)],
        )
        for i in range(n_findings)
    ]  # fmt: skip
    arrays = hold([hand(0)], ids[:1])
    films = CountedFilms()
    arrays.__dict__["films"] = films
    suspects = pd.DataFrame(
        {"image_id": ids[:50], "label": "a", "other": "b", "share": 0.9, "neighbours": json.dumps(ids[60:80])}
    )  # fmt: skip
    content = AuditContent(
        "busy",
        {},
        make_records(ids),
        findings=tabulate_findings(findings),
        arrays=arrays,
        **tables(suspects=suspects, probes=pd.concat([make_probes()] * 100), split=make_split(ids)),
    )
    return content, films


def test_a_page_of_many_findings_is_small_and_shows_errors_first() -> None:
    content, films = busy(300)
    page = render_audit(content)
    assert len(page.encode()) < MAX_BYTES
    assert MAX_PICTURES - MAX_FILMS < len(Parsed(page).all("img")) <= MAX_PICTURES
    assert films.n_read <= MAX_PICTURES
    sections = page.split('<div class="finding ')[1:]
    assert len(sections) == MAX_FINDINGS
    assert [each.startswith("error") for each in sections] == [True] * 100 + [False] * 100
    drawn = ["<img" in each.partition("</section>")[0] for each in sections]
    assert drawn == [True] * sum(drawn) + [False] * (MAX_FINDINGS - sum(drawn))
    assert "100 more findings" in Parsed(page).text
    assert f"The first {MAX_SUSPECTS} of 50 films" in Parsed(page).text


def test_few_findings_have_all_their_examples_and_larger_clusters_say_what_is_left_out() -> None:
    content, _ = busy(2)
    page = render_audit(content)
    assert len(Parsed(page).all("img")) == 2 * 6 * MAX_FILMS + MAX_SUSPECTS * 6
    assert page.count("and 3 more") == 2 * 6


@pytest.mark.parametrize(
    ("costs", "n", "chosen"),
    [
        ([[2, 2], [1, 1]], 4, [{0}, {0, 1}]),
        ([[2, 2], [1, 1]], 6, [{0, 1}, {0, 1}]),
        ([[4], [1]], 3, [set(), {0}]),
        ([[0, 1]], 9, [{1}]),
        ([], 9, []),
        ([[1]], -3, [set()]),
    ],
)
def test_first_examples_of_all_come_before_second_ones(
    costs: list[list[int]], n: int, chosen: list[set[int]]
) -> None:
    assert choose_examples(costs, n) == chosen


def test_charts_have_chance_at_one_place_and_arrows_beyond_the_scale() -> None:
    auroc, r2 = draw_charts(make_probes())
    assert (auroc.metric, auroc.chance, r2.metric, r2.chance) == ("AUROC", "0.50", "R²", "0.00")
    assert auroc.chance_x == r2.chance_x
    assert [each.value for each in auroc.rows] == ["0.91", "0.66", "0.52", "0.33"]
    assert [each.dot.beyond for each in auroc.rows] == ["", "", "", "left"]
    best, worst = auroc.rows[0].dot, auroc.rows[2].dot
    assert auroc.chance_x < best.low < best.x < best.high < auroc.one_x
    assert worst.low < auroc.chance_x < worst.high
    assert [(each.probe, each.target) for each in auroc.more] == [("size of the file", "fractured")]
    assert [each.target for each in r2.rows] == ["age", "age"]
    assert r2.more == ()


def test_a_probe_without_an_interval_is_a_dot_and_one_without_a_value_is_left_out() -> None:
    probes = make_probes().head(2)
    probes.loc[0, ["ci_low", "ci_high"]] = np.nan
    probes.loc[1, "value"] = np.nan
    (chart,) = draw_charts(probes)
    (row,) = chart.rows
    assert row.dot.low == row.dot.x == row.dot.high
    assert (row.interval, row.words) == ("", "AUROC 0.91")


def test_more_probes_than_fit_are_counted() -> None:
    charts = draw_charts(pd.concat([make_probes()] * 30))
    assert [(len(each.rows), len(each.more), each.n_left_out) for each in charts] == [
        (40, 30, 80),
        (40, 0, 20),
    ]


def test_clusters_are_counted_by_size_and_by_parts() -> None:
    clusters = full().clusters
    assert [(each.what, each.n_clusters, each.n_films) for each in count_by_size(clusters)] == [
        ("2 films", 1, 2),
        ("3 films", 1, 3),
    ]
    assert [each.what for each in count_by_parts(clusters)] == ["train and test", "train and val"]
    assert count_by_parts(clusters.assign(split="")) == []
    sizes = np.repeat(np.arange(6), [2, 5, 9, 10, 99, 100])
    rows = count_by_size(pd.DataFrame({"cluster": sizes}))
    assert [(each.what, each.n_clusters, each.n_films) for each in rows] == [
        ("2 films", 1, 2),
        ("5 to 9 films", 2, 14),
        ("10 to 49 films", 1, 10),
        ("50 to 99 films", 1, 99),
        ("100 films or more", 1, 100),
    ]


def test_parts_are_counted_before_and_after() -> None:
    split = pd.DataFrame(
        {
            "image_id": list("abcdef"),
            "split": ["train", "train", "val", "test", "train", ""],
            "official_split": ["train", "test", "fold 1", "test", "", "test"],
            "moved": [False, True, True, False, True, True],
            "reason": ["", "copy", "other name", "", "no part", "two labels"],
        }
    )
    rows = [(e.part, e.before, e.after, e.moved_in, e.moved_out) for e in count_parts(split)]
    assert rows == [
        ("train", 1, 3, 2, 0),
        ("val", 0, 1, 1, 0),
        ("test", 3, 1, 0, 2),
        ("fold 1", 1, 0, 0, 1),
        ("none", 1, 1, 1, 1),
    ]
    assert [(each.reason, each.n) for each in count_moves(split)] == [
        ("copy", 1),
        ("other name", 1),
        ("no part", 1),
        ("two labels", 1),
    ]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "3 films of 30 are in another part than before"),
        ({"moved": False}, "No film has to move: each that has a part stays there."),
        ({"official_split": ""}, "The set has no parts of its own."),
    ],
)
def test_the_proposed_split_says_what_it_changes(changed: dict[str, Any], said: str) -> None:
    content = full()
    text = Parsed(render_audit(replace(content, split=content.split.assign(**changed)))).text
    assert said in text
    assert "kedro run --pipelines=NAME --params split=split.csv" in text


def test_what_was_not_read_is_counted_by_reason() -> None:
    text = Parsed(render_audit(full())).text
    assert "Unreadable: holds a truncated PNG stream train/a/cut.png 2" in text
    assert "Ignored: is a hidden file Thumbs.db 1" in text
    records = pd.DataFrame(
        {
            "image_id": [f"{i}" for i in range(50)],
            "status": "ignored",
            "reason": [f"is the {i}th" for i in range(50)],
        }
    )
    rows = count_reasons(records)
    assert (rows[-1].reason, rows[-1].n, len(rows)) == ("20 other reasons", 20, 31)


def test_a_number_is_the_label_where_there_are_no_classes() -> None:
    ids = ["train/a.png"]
    records = make_records(ids).assign(label="", target=101.5)
    shelf = FilmShelf(records, tables()["clusters"], hold([hand(0)], ids), ids)
    assert shelf.describe("train/a.png").facts == "train · 101.5"
    assert shelf.describe("train/a.png").alt == "film a.png, train · 101.5"


def test_what_was_not_recognised_is_one_row_and_a_shared_folder_is_left_out() -> None:
    recognised = pd.DataFrame(
        [("Labels", "a 3", "the names"), ("Sex", "not found", ""), ("Age", "not found", "")],
        columns=["what", "found", "how"],
    )
    findings = tabulate_findings([finding("warning", examples=[["train/a/1.png"]])])
    content = replace(clean_set(), recognised=recognised, findings=findings)
    page = render_audit(content)
    text = Parsed(page).text
    assert "Labels a 3 (the names) Not found sex, age Checks" in text
    assert "All films lie below train/a/ , which" in text
    assert 'alt="film 1.png, train · fractured"' in page.replace("not fractured", "fractured")


def test_a_set_in_which_nothing_was_found_and_a_set_of_nothing_give_a_page() -> None:
    text = Parsed(render_audit(clean_set())).text
    assert "Nothing was found that speaks against training on it." in text
    assert text.count("Nothing to be done.") == 6
    assert "every file that was found was read as a film" in text
    text = Parsed(render_audit(empty_set())).text
    assert "There is nothing to train on: no film could be read." in text
    assert "None: there is no film to split." in text
    assert "No file was found." in text


def test_it_is_no_medical_device_and_ids_are_hidden() -> None:
    text = Parsed(render_audit(full())).text
    assert "Research software. Not a medical device." in text
    assert "as digests" in text


@pytest.mark.parametrize(
    ("n", "total", "words"),
    [
        (1, 3, "1 of 3 (33.3 %)"),
        (0, 3, "0 of 3 (0 %)"),
        (3, 3, "3 of 3 (100 %)"),
        (1, 100_000, "1 of 100,000 (below 0.1 %)"),
        (99_999, 100_000, "99,999 of 100,000 (above 99.9 %)"),
    ],
)
def test_a_share_in_words(n: int, total: int, words: str) -> None:
    assert write_share(n, total) == words


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.0, "0.00"), (0.4567, "0.46"), (-0.4, "−0.40"), (0.0012, "0.001"), (12_345.6, "12,346")],
)
def test_a_value_in_words(value: float, words: str) -> None:
    assert write_value(value) == words
