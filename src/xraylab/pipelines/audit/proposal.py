"""A split without leaks: the official one where it can stay, and new parts where the set has none."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xraylab.evaluation.splits import assign_stratified_splits

from .hidden import hide_ids
from .params import AuditParams, ProposalParams

__all__ = ["PARTS", "PROPOSAL_COLUMNS", "propose_split"]

PARTS = ("train", "val", "test")
"""The parts of a split."""

PROPOSAL_COLUMNS = ("image_id", "group_id", "split", "official_split", "moved", "reason")

_WORDS = {"train": "training", "val": "validation", "test": "test"}
_BINS = 5  # of a number, for the strata
_MOST_GROWN = 1.5  # times its own size that a part may grow to by families of other parts
_NONE = -1  # rank of a film that is in no part


def propose_split(records: pd.DataFrame, salt: str, params: AuditParams) -> pd.DataFrame:
    """Propose a split in which no family lies in two parts, and that keeps the official one where it can.

    A family, of all films of a patient and all copies of a film, stays in its official part. One that lies in several
    goes whole to one of them, such that few films move and test and validation part keep their size. Parts that the
    set lacks are dealt by a hash of the family, each label in its share: from the training films, and from those that
    no part names; without any part from all films. Copies under several classes are in no part, as in every honest
    split of this project.

    Parameters
    ----------
    records : (N, …) DataFrame
        One row per file, with ``image_id, status, split, label, target, patient, duplicate_cluster, group_id``; rows
        whose status is not ``ok`` are left out.
    salt : str
        Hides the names of families, see `xraylab.pipelines.audit.hidden.hide_ids`.
    params : AuditParams
        Shares of new parts (``proposal``), and the ``seed`` of the hash.

    Returns
    -------
    DataFrame
        Columns `PROPOSAL_COLUMNS`, one row per film, by ``image_id``: ``split`` is ``train``, ``val``, ``test`` or
        empty, ``moved`` says that it is another part than the official one, ``reason`` why a film is where it is,
        empty where its part has not changed.

    Examples
    --------
    >>> films = pd.DataFrame({"image_id": list("abcd"), "status": "ok", "split": ["train", "train", "val", "test"]})
    >>> films = films.assign(label="", target=np.nan, patient="", group_id=list("abca"), duplicate_cluster=list("abca"))
    >>> split = propose_split(films, "salt", AuditParams())
    >>> split[["image_id", "split", "reason"]].to_numpy().tolist()
    [['a', 'test', 'a copy lies in test'], ['b', 'train', ''], ['c', 'val', ''], ['d', 'test', '']]
    """
    films = records[records["status"] == "ok"].sort_values("image_id", ignore_index=True)
    out = _list_left_out(films)
    used = films[out == ""]
    ranks = used["split"].map({part: rank for rank, part in enumerate(PARTS)}).fillna(_NONE)
    family = used["group_id"].map(_choose_parts(used["group_id"], ranks.astype(int))).astype(int)
    split = pd.Series("", films.index, dtype="str")
    split[used.index] = family.map(dict(enumerate(PARTS))).fillna("")
    dealt = _deal_missing(used, family, params)
    split[dealt.index] = dealt
    reason = out.copy()
    reason[used.index] = _explain(used, split[used.index], set(ranks), dealt)
    table = films[["image_id"]].assign(
        group_id=hide_ids(films["group_id"], salt),
        split=split,
        official_split=films["split"],
        moved=films["split"].isin(PARTS) & (split != films["split"]),
        reason=reason,
    )
    return table.astype({name: "str" for name in PROPOSAL_COLUMNS if name != "moved"})


def _choose_parts(groups: pd.Series, ranks: pd.Series) -> pd.Series:
    """Return the rank of the part that each family goes to, by its name; `_NONE` for one that no part names.

    A family that lies in several parts goes where most of its films are, so that few films move. Test and validation
    part would lose many families to a larger training part: they first keep those with the fewest films elsewhere, as
    far as their own size reaches.
    """
    names = pd.Index(sorted(set(groups)))
    counts = pd.crosstab(groups, ranks).reindex(
        index=names, columns=range(len(PARTS)), fill_value=0
    )
    sizes = groups.value_counts().reindex(names)
    n_parts = (counts > 0).sum(axis=1)
    # of equal counts the last part
    most = len(PARTS) - 1 - counts.to_numpy()[:, ::-1].argmax(axis=1)
    chosen = pd.Series(np.where(n_parts == 0, _NONE, most), names)
    is_open = n_parts > 1
    for rank in range(len(PARTS) - 1, 0, -1):
        wanted = int(counts[rank].sum())
        have = int(sizes[(chosen == rank) & ~is_open].sum())
        elsewhere = (sizes - counts[rank])[is_open & (counts[rank] > 0)]
        for name in elsewhere.sort_values(kind="stable").index:
            if have and have + sizes[name] > _MOST_GROWN * wanted:
                break
            if have >= wanted:
                break
            chosen[name], is_open[name] = rank, False
            have += int(sizes[name])
    return chosen


def _list_left_out(films: pd.DataFrame) -> pd.Series:
    """Return why each film is in no part; empty where it is in one."""
    labels = films["label"].where(films["label"] != "")
    n_labels = labels.groupby(films["duplicate_cluster"]).transform("nunique")
    official = films["split"].isin(PARTS)
    # other names are parts of another kind, such as folds, where none is train, val or test
    other = ~official & (films["split"] != "") & bool(official.any())
    names = "its part '" + films["split"] + "' is none of train, val and test"
    reason = pd.Series("", films.index, dtype="str").mask(other, names)
    return reason.mask(n_labels > 1, "its copies have different labels")


def _deal_missing(used: pd.DataFrame, family: pd.Series, params: AuditParams) -> pd.Series:
    """Return the new part of the films of families that are dealt anew, on their index."""
    if used.empty:
        return pd.Series(dtype="str")
    # without films to train on, those of the next part are dealt: the test part is the last that is given up
    lowest = max(family.min(), 0)
    pool = used[family <= lowest]
    ranks = set(family)
    there = [part for rank, part in enumerate(PARTS) if rank in ranks and rank > lowest]
    fractions = _list_fractions(there, params.proposal)
    return assign_stratified_splits(pool["group_id"], _list_strata(pool), fractions, params.seed)


def _list_fractions(there: list[str], params: ProposalParams) -> dict[str, float]:
    """Return the shares of what is dealt: the training part, and the parts that are missing."""
    new = {"val": params.val_fraction, "test": params.test_fraction}
    wanted = {"train": 1 - sum(new.values())}
    wanted |= {part: share for part, share in new.items() if part not in there}
    return {part: share / sum(wanted.values()) for part, share in wanted.items()}


def _list_strata(films: pd.DataFrame) -> pd.Series:
    """Return the label of the family of each film: its most frequent class, or the bin of its median number."""
    groups = films["group_id"]
    counts = films[films["label"] != ""].groupby(["group_id", "label"]).size().reset_index(name="n")
    # of equally frequent ones the first in the order of text
    first = counts.sort_values(["n", "label"], ascending=[False, True]).drop_duplicates("group_id")
    classes = groups.map(first.set_index("group_id")["label"]).astype("str")
    numbers = films["target"].astype("float64").groupby(groups).median().dropna()
    inner = np.arange(1, _BINS) / _BINS
    edges = np.unique(np.quantile(numbers, inner)) if len(numbers) else np.empty(0)
    bins = pd.Series(np.searchsorted(edges, numbers, side="right"), numbers.index)
    named = groups.map("bin " + bins.astype("str")).astype("str")
    return classes.fillna(named).fillna("")


def _explain(
    used: pd.DataFrame, split: pd.Series, ranks: set[float], dealt: pd.Series
) -> pd.Series:
    """Return why films of a part are there; empty where nothing has changed."""
    official = {part for rank, part in enumerate(PARTS) if rank in ranks}
    changed = split != used["split"]
    by_copy, by_patient = (
        _has_neighbour(used, split, used[key]) for key in ("duplicate_cluster", "patient")
    )
    near = ["a copy lies in ", "films of its patient lie in "]
    words = np.select([by_copy, by_patient], near, "films of its family lie in ")
    reason = pd.Series(words, used.index, dtype="str") + split
    was_dealt = split.index.isin(dealt.index) & changed
    new = was_dealt & ~split.isin(official)
    lacking = split.map({part: f"the set has no {_WORDS[part]} part" for part in PARTS})
    reason = reason.mask(new, lacking if official else "the set has no train, val and test")
    named_by_none = was_dealt & split.isin(official) & (used["split"] == "")
    reason = reason.mask(named_by_none, "no part names it")
    return reason.where(changed, "")


def _has_neighbour(used: pd.DataFrame, split: pd.Series, keys: pd.Series) -> pd.Series:
    """Tell whether a film with the same key lies officially in the part that each film goes to."""
    known = keys.where(keys != "")
    there = set(zip(known[known.notna()], used.loc[known.notna(), "split"], strict=True))
    wanted = zip(known, split, strict=True)
    return pd.Series([pair in there for pair in wanted], used.index, dtype=bool)
