"""Which films are of one patient: what several sources say of it, joined."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

__all__ = ["group_films", "join_keys", "patient_folders", "patients_of_files"]

logger = logging.getLogger(__name__)


def join_keys(names: pd.Series, keys: Sequence[pd.Series]) -> pd.Series:
    """Join rows that have a name or any key in common, directly or by a chain of rows, into one family.

    Parameters
    ----------
    names : (N,) Series
        Name of each row; rows of one name are one family.
    keys : sequence of (N,) Series
        Each is compared with itself alone; a missing key joins nothing.

    Returns
    -------
    (N,) Series of str
        On the index of `names`: the first name, in the order of text, of each row's family.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    own, distinct = pd.factorize(names.astype(str), sort=True)
    # A bipartite graph: a name is joined to each key of its rows.
    starts, ends, size = [], [], len(distinct)
    for key in keys:
        codes, values = pd.factorize(key)
        known = codes >= 0
        starts.append(own[known])
        ends.append(size + codes[known])
        size += len(values)
    start, end = (np.concatenate([np.zeros(0, int), *each]) for each in (starts, ends))
    graph = coo_array((np.ones(len(start)), (start, end)), shape=(size, size))
    _, family = connected_components(graph, directed=False)
    first = (
        pd.Series(np.arange(len(distinct)))
        .groupby(family[: len(distinct)])
        .transform("min")
        .to_numpy()
    )
    labels = np.asarray(distinct, dtype=object)[first][own]
    return pd.Series(labels, index=names.index, dtype="str")


def group_films(names: pd.Series, sources: Mapping[str, pd.Series]) -> pd.Series:
    """Return the group of each film: all films of a patient, whichever source says that they are.

    Parameters
    ----------
    names : (N,) Series
        What a group is called: the image id, or the patient where a table names one. Films of one name are one group.
    sources : mapping of str to (N,) Series
        What each source calls the patient of each film; missing or empty where it does not know. Names of two sources
        are not compared with each other. A source that has one patient for all of several films, as a placeholder
        such as ``ANONYMOUS`` in place of a PatientID, says nothing: it is not used, with a warning.

    Returns
    -------
    (N,) Series of str
        Named ``group_id``, on the index of `names`: the first name, in the order of text, of the group.

    Examples
    --------
    >>> films = pd.Series(["a", "b", "c", "d"])
    >>> said = {"PatientID": pd.Series(["", "P1", "P1", ""]), "reading": pd.Series(["r", "r", "", ""])}
    >>> group_films(films, said).tolist()
    ['a', 'a', 'a', 'd']
    """
    keys = []
    for source, patients in sources.items():
        known = patients.where(patients.notna() & (patients.astype("str") != ""))
        if len(known) > 1 and (known == known.iloc[0]).all():
            logger.warning(
                "The %s of all %d films is one and the same: it names no patient, and is not used",
                source, len(known),
            )  # fmt: skip
            continue
        keys.append(known.set_axis(names.index))
    return join_keys(names, keys).rename("group_id")


def patient_folders(paths: pd.Series, level: int | None) -> pd.Series:
    """Return the name of the folder that is a patient's.

    Parameters
    ----------
    paths : (N,) Series of str
        Paths of films under their data set.
    level : int or None
        1 for the folder that the film lies in, 2 for the one above, and so on; None for none.

    Returns
    -------
    (N,) Series of str
        Empty where there is no such folder.

    Examples
    --------
    >>> patient_folders(pd.Series(["images/p1/scout.png", "images/2.png"]), 1).tolist()
    ['p1', 'images']
    """
    folders = [PurePosixPath(path).parts[:-1] for path in paths]
    found = [
        parts[-level] if level is not None and len(parts) >= level else "" for parts in folders
    ]
    return pd.Series(found, index=paths.index, dtype="str")


def patients_of_files(index: pd.DataFrame, patient_folder: int | None) -> dict[str, pd.Series]:
    """Return what the files of films say of their patients, as sources of `group_films`.

    Parameters
    ----------
    index : (N, …) DataFrame
        As `xraylab.imaging.array_cache.ArrayCache` has it: ``image_id``, and ``path`` and ``patient_id`` (of a DICOM
        file, as a digest) if it has them.
    patient_folder : int or None
        See `patient_folders`.
    """
    sources = {}
    if "patient_id" in index:
        sources["PatientID"] = index["patient_id"]
    if patient_folder is not None:
        ids = index["image_id"].astype(str)
        paths = index["path"].where(index["path"] != "", ids) if "path" in index else ids
        sources["patient's folder"] = patient_folders(paths.astype(str), patient_folder)
    return sources
