"""Labels: films of each class, labels that similar films speak against, and films that are like no other."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import numpy as np
import pandas as pd

from xraylab.imaging.array_cache import ArrayCache
from xraylab.imaging.preprocess import resize_image
from xraylab.models.encoders import Weights

from .findings import Finding, tabulate_findings
from .labelled import Labelled, draw_films, find_labelled, usable_films
from .neighbours import Neighbours, find_neighbours
from .params import AuditParams, LabelsParams
from .suspects import SUSPECT_COLUMNS, suspect_classes, suspect_numbers

__all__ = ["check_labels", "embed_films"]

logger = logging.getLogger(__name__)

_BATCH = 32
_LEAST_FILMS = 20  # below it, no distance is far
_NEAR = 3  # the neighbour whose distance says whether a film is unlike others
_SHOWN = 10
_NEIGHBOURS_SHOWN = 3
_NORMAL = 1.4826  # a deviation of a normal distribution over its median absolute deviation
_SURE = 0.975  # quantile of what chance would list


def embed_films(
    records: pd.DataFrame, arrays: ArrayCache, encoder_weights: Weights, params: AuditParams
) -> pd.DataFrame:
    """Compute the features of films by a frozen encoder, a batch at a time.

    Parameters
    ----------
    records : DataFrame
        One row per file.
    arrays : ArrayCache
        The films.
    encoder_weights : mapping of str to callable
        Pretrained weights that are at hand.
    params : AuditParams
        The encoder, and how many films.

    Returns
    -------
    (N, F) DataFrame of float32
        One row per film, on the index ``image_id``; empty where there is no film, or no weights and no labels that they
        would be compared with.

    Raises
    ------
    ValueError
        If weights are neither at hand nor can be fetched, and films have labels: the message says which file to put
        where.
    """
    from xraylab.training.embed import EncodeFilms, KnownEncoder

    settings = params.labels
    films = draw_films(usable_films(records), settings.max_films, params.seed)
    index = pd.Index(films["image_id"].astype(str), name="image_id")
    if not len(films):
        return pd.DataFrame(index=index, dtype=np.float32)
    try:
        encoder = KnownEncoder(settings.encoder, params.seed, encoder_weights)
    except ValueError as error:
        if find_labelled(films).kind != "none":
            raise
        logger.warning("Films are not compared with each other: %s", error)
        return pd.DataFrame(index=index[:0], dtype=np.float32)
    rows = films["row"].to_numpy(np.int64)
    batches = []
    for start in range(0, len(rows), _BATCH):
        whole = np.asarray(arrays.films[rows[start : start + _BATCH]])
        small = [np.rint(resize_image(film, settings.size_px)).astype(np.uint8) for film in whole]
        batches.append(EncodeFilms(encoder, np.stack(small))(np.arange(len(small))))
    return pd.DataFrame(np.concatenate(batches), index=index)


def check_labels(
    records: pd.DataFrame, embeddings: pd.DataFrame, params: AuditParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare the label of each film with those of its nearest films of other families.

    Parameters
    ----------
    records : DataFrame
        One row per file.
    embeddings : DataFrame
        As `embed_films` gives it.
    params : AuditParams
        Settings.

    Returns
    -------
    findings : DataFrame
        Class balance, rare classes, suspicious labels, and films unlike all others (of the check ``files``).
    suspects : DataFrame
        ``image_id, label, other, share, neighbours``, the most suspicious film first.
    """
    films = usable_films(records)
    labelled = find_labelled(films)
    findings = list(_describe_balance(labelled, params.labels))
    here = films["image_id"].isin(embeddings.index)
    known = films[here].reset_index(drop=True)
    features = embeddings.reindex(known["image_id"]).to_numpy(np.float32)
    around = find_neighbours(features, known["group_id"], params.labels.neighbours)
    findings += _find_unlike(known, around, params.labels)
    compared = find_labelled(known)
    problem = labelled.problem or (compared.problem if len(known) else "films have no features")
    if problem:
        title = f"Labels are not compared with those of similar films: {problem}."
        n = len(labelled.films)
        findings.append(Finding("labels", "labels_not_compared", "info", title, n, len(films)))
        empty = pd.DataFrame(columns=SUSPECT_COLUMNS, dtype="str").astype({"share": "float64"})
        return tabulate_findings(findings), empty
    rows = known["image_id"].isin(compared.films["image_id"]).to_numpy()
    near = around
    if not rows.all():
        near = find_neighbours(features[rows], compared.films["group_id"], params.labels.neighbours)
    suspect = suspect_numbers if compared.kind == "numbers" else suspect_classes
    suspects, expected = suspect(compared, near, params.labels)
    findings.append(_name_suspects(suspects, expected, compared.films))
    return tabulate_findings(findings), suspects


def _describe_balance(labelled: Labelled, params: LabelsParams) -> Iterator[Finding]:
    films = labelled.films
    n = len(films)
    if labelled.kind == "numbers":
        low, middle, high = (f"{films['target'].quantile(q):g}" for q in (0, 0.5, 1))
        title = f"{n:,} labels are numbers from {low} to {high}, with a median of {middle}."
        yield Finding("labels", "label_range", "info", title, n, n)
    if labelled.kind != "classes":
        return
    counts = films["label"].value_counts()
    words = ", ".join(f"{name} {count:,}" for name, count in counts.head(_SHOWN).items())
    more = f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else ""
    title = f"{n:,} films have one of {len(counts)} classes: {words}{more}."
    yield Finding("labels", "class_balance", "info", title, n, n)
    rare = counts[(counts < params.least_films) | (counts < params.least_share * n)]
    if len(rare):
        ids = films.loc[films["label"].isin(rare.index), "image_id"].astype(str).tolist()
        names = ", ".join(f"{name} ({count:,})" for name, count in rare.head(_SHOWN).items())
        more = f" and {len(rare) - _SHOWN} more" if len(rare) > _SHOWN else ""
        subject = "1 class has" if len(rare) == 1 else f"{len(rare)} classes have"
        yield Finding(
            check="labels",
            finding="rare_classes",
            severity="warning",
            title=f"{subject} fewer than {params.least_films} films or {params.least_share:.0%} of them: "
            f"{names}{more}.",
            n=len(rare),
            total=len(counts),
            advice="Collect more, join classes, or leave them out; no result on so few films can be relied on.",
            examples=[[each] for each in ids],
            affected=ids,
        )


def _find_unlike(
    films: pd.DataFrame, around: Neighbours, params: LabelsParams
) -> Iterator[Finding]:
    """Yield the films whose third nearest neighbour is much farther than usual: a pair of strangers is found, too."""
    if len(films) < _LEAST_FILMS or around.rows.shape[1] < _NEAR:
        return
    distance = around.distance[:, _NEAR - 1].astype(np.float64)
    middle = float(np.median(distance))
    scale = _NORMAL * float(np.median(np.abs(distance - middle)))
    far = np.flatnonzero(distance > middle + params.outlier_deviations * scale)
    if not len(far):
        return
    ids = films["image_id"].astype(str).to_numpy()[far[np.argsort(-distance[far], kind="stable")]]
    subject = "1 film is" if len(far) == 1 else f"{len(far):,} films are"
    yield Finding(
        check="files",
        finding="unlike_others",
        severity="warning",
        title=f"{subject} unlike all others, and may not be a radiograph of this kind.",
        n=len(far),
        total=len(films),
        advice="Look at these films, and leave out those that do not belong to the set.",
        examples=[[each] for each in ids],
        affected=list(ids),
    )


def _name_suspects(suspects: pd.DataFrame, expected: float, films: pd.DataFrame) -> Finding:
    from scipy.stats import poisson

    ids = suspects["image_id"].tolist()
    n, n_families = len(ids), int(films.loc[films["image_id"].isin(ids), "group_id"].nunique())
    of = "1 patient or family" if n_families == 1 else f"{n_families:,} patients or families"
    verb = f"film of {of} has" if n == 1 else f"films of {of} have"
    title = f"{n:,} {verb} a label that nearly all similar films of others do not have"
    if not n:
        title = "No film has a label that nearly all similar films do not have"
    pairs = zip(ids, suspects["neighbours"], strict=True)
    return Finding(
        check="labels",
        finding="suspicious_labels",
        severity="warning" if n_families > poisson.ppf(_SURE, expected) else "info",
        title=f"{title}; chance would list about {expected:.1f} of {films['group_id'].nunique():,}.",
        n=n,
        total=len(films),
        advice="Have these labels read again, from the top of the list; a hard film may be right."
        if n
        else "",
        examples=[[image_id, *json.loads(near)[:_NEIGHBOURS_SHOWN]] for image_id, near in pairs],
        affected=ids,
    )
