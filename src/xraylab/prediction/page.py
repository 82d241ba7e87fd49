"""The page of results: one self-contained HTML file for a folder of films."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from xraylab.models.card import NOTICE
from xraylab.pages import make_environment, printable
from xraylab.prediction.page_films import find_answer
from xraylab.prediction.page_sections import make_sections
from xraylab.prediction.result import Column

__all__ = ["PageContent", "render_page"]

_ABOUT = {
    "doubtful": "Predicted, but something speaks against relying on it. Look at these first.",
    "refused": "Unlike the films that the model was trained on, or something else by what the file says of itself.",
    "unreadable": "Files that do not give one whole film.",
    "ok": "Predicted, and no check found anything unusual about the film.",
    "ignored": "Files that are left out by a stated rule.",
}


@dataclass(frozen=True)
class PageContent:
    """What the page shows.

    Attributes
    ----------
    title : str
        What was predicted, such as ``Bone age``.
    table : pandas.DataFrame
        One row per file found, at full precision (`xraylab.prediction.result.tabulate`).
    columns : sequence of Column
        Those of the task.
    thumbnails : mapping of str to bytes
        JPEG, PNG or WebP by path, for those films that have one. Only what is shown is read.
    facts : mapping of str to str
        Shown as a list: model, version, trained on, folder of films, date, limits.
    about : str
        One sentence on what the numbers mean.
    legend : str
        One sentence on what is drawn over the films.
    """

    title: str
    table: pd.DataFrame
    columns: Sequence[Column]
    thumbnails: Mapping[str, bytes]
    facts: Mapping[str, str]
    about: str = ""
    legend: str = ""


def render_page(content: PageContent) -> str:
    """Render the page of results.

    Films are shown by their status: doubtful, refused, unreadable, ok, ignored. At most 300 have a picture, a third of
    them for each of the doubtful, the refused and the ok ones; what one of these does not need the others get, in this
    order. The least familiar of the doubtful and of the refused films are shown, and an even sample of the ok ones.
    At most 2,000 others are rows of tables, shared out in the same way. The page says how many it leaves out.

    Parameters
    ----------
    content : PageContent
        What it shows. Words and names in it are escaped, and what cannot be seen is written out.

    Returns
    -------
    str
        HTML that asks for no other file, needs no script, and is below 4 MB.

    Raises
    ------
    ValueError
        If a thumbnail is neither JPEG, PNG nor WebP.

    Examples
    --------
    >>> from xraylab.prediction.result import Prediction, Status, tabulate
    >>> columns = [Column("months", "Bone age", "months", 1)]
    >>> table = tabulate([Prediction("hand.png", Status(), {"months": 101.37}).row()], columns)
    >>> page = render_page(PageContent("Bone age", table, columns, {}, {"Model": "bone_age"}))
    >>> "101.4 months" in page, "Not a medical device." in page
    (True, True)
    """
    table = content.table
    answer = find_answer(table, content.columns)
    sections = make_sections(table, content.columns, content.thumbnails)
    template = make_environment("xraylab.prediction").get_template("summary.html.j2")
    return template.render(
        title=printable(content.title),
        about=content.about,
        about_kinds=_ABOUT,
        legend=content.legend,
        notice=NOTICE,
        facts={name: printable(words) for name, words in content.facts.items() if words},
        phantoms=_is_of_phantoms(table),
        sections=sections,
        n_files=len(table),
        n_pictures=sum(len(each.pictures) for each in sections),
        n_without_picture=sum(each.n_drawn - len(each.pictures) for each in sections),
        scored=bool(table["unfamiliarity"].notna().any()),
        n_left_out=sum(each.n_left_out for each in sections),
        answer=answer.label if answer else "Prediction",
    )


def _is_of_phantoms(table: pd.DataFrame) -> bool:
    return bool(table["trained_on"].astype(str).str.lower().str.startswith("phantoms").any())
