"""What differs between the parts of a split, beyond what chance gives.

A distance between two samples is above 0 even where both are drawn from one distribution, more so the smaller they are
and the more values there are. So the mean distance after the groups were dealt anew to the parts is taken off, and what
is left has an interval by bootstrap over groups. That interval is centred on the distance, since resampling adds noise,
and so distance, once more.

References
----------
Efron B., Tibshirani R. J. (1993), *An Introduction to the Bootstrap*, ch. 10 (bias) and 15 (permutation).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab.evaluation.bootstrap import FEW_GROUPS, bootstrap_groups

from .findings import Finding
from .params import AuditParams

__all__ = ["Distance", "compare_parts", "measure_drift"]

Floats = NDArray[np.float64]
Codes = NDArray[np.int64]

_PERMUTATIONS = 100
_BINS = 32  # of a number, of equal size
_MOST_VALUES = 100  # of a category; rarer ones count as one

_ADVICE = (
    "A result on one part says little of the other. Use the split that is proposed in split.csv, unless the parts "
    "differ on purpose, such as a test on another site."
)


@dataclass(frozen=True)
class Distance:
    """How far two parts are apart in one variable.

    Attributes
    ----------
    value : float
        Total variation distance of categories, Kolmogorov–Smirnov distance of numbers, in [0, 1].
    chance : float
        Its mean when groups are dealt to the parts at random.
    low, high : float
        95 % interval of ``value - chance``, by bootstrap over groups; nan where nothing can be beyond the limit.
    """

    value: float
    chance: float
    low: float
    high: float


def measure_drift(
    films: pd.DataFrame, statistics: pd.DataFrame, parts: list[str], params: AuditParams
) -> Iterator[Finding]:
    """Yield a finding for each variable and part that differs from the part that trains.

    Parameters
    ----------
    films : DataFrame
        Films in a part, as `usable_films` gives them.
    statistics : DataFrame
        ``image_id, brightness``.
    parts : list of str
        Parts; all others are compared with the first.
    params : AuditParams
        Settings.
    """
    variables = _list_variables(films, statistics)
    for part in parts[1:]:
        pair = films["split"].isin([parts[0], part]).to_numpy()
        for name, values in variables.items():
            known = pair & values.notna().to_numpy()
            second = (films["split"] == part)[known].to_numpy()
            groups = films.loc[known, "group_id"]
            if min(groups[~second].nunique(), groups[second].nunique()) < FEW_GROUPS:
                continue
            found = compare_parts(values[known], second, groups, params)
            if found.low > params.splits.drift:
                described = _describe(values[known], second)
                yield _name_drift(name, (parts[0], part), found, described, int(known.sum()))


def _list_variables(films: pd.DataFrame, statistics: pd.DataFrame) -> dict[str, pd.Series]:
    """Return each variable by name; numbers as float, categories as text, both missing where unknown."""

    def texts(name: str) -> pd.Series:
        values = films[name].fillna("").astype(str).astype(object)
        return values.where(values != "", None)

    bright = statistics.drop_duplicates("image_id").set_index("image_id")["brightness"]
    size = films[["width_px", "height_px"]].max(axis=1, skipna=False)
    return {
        "label": texts("label"),
        "label (a number)": films["target"].astype(np.float64),
        "site": texts("site"),
        "sex": texts("sex"),
        "age": films["age_years"].astype(np.float64),
        "film size": size.astype(np.float64),
        "brightness": films["image_id"].map(bright).astype(np.float64),
        "format": texts("format"),
    }


def compare_parts(
    values: pd.Series, second: NDArray[np.bool_], groups: pd.Series, params: AuditParams
) -> Distance:
    """Return how far the films of a second part are from those of a first.

    Parameters
    ----------
    values : (N,) Series
        Numbers, or text; none is missing.
    second : (N,) ndarray of bool
        Whether a film is in the second part.
    groups : (N,) Series
        Group of each film.
    params : AuditParams
        Resamples, seed, and the limit below which no interval is made.

    Examples
    --------
    >>> values = pd.Series(list("ab") * 40)
    >>> found = compare_parts(values, np.arange(80) % 2 > 0, pd.Series(range(80)), AuditParams())
    >>> found.value, found.low > 0.8
    (1.0, True)
    """
    codes, ordered = _bin(values)
    n_codes = int(codes.max()) + 1
    own = np.asarray(pd.factorize(groups)[0], np.int64)

    def distances(sums: Floats) -> Floats:
        with np.errstate(invalid="ignore", divide="ignore"):
            first, other = (
                part / part.sum(axis=1, keepdims=True)
                for part in (sums[:, :n_codes], sums[:, n_codes:])
            )
        apart = other - first
        if ordered:
            return np.asarray(np.abs(np.cumsum(apart, axis=1)).max(axis=1, keepdims=True))
        return np.asarray(np.abs(apart).sum(axis=1, keepdims=True) / 2)

    cells = codes + n_codes * second
    value = float(distances(np.bincount(cells, minlength=2 * n_codes)[None].astype(float))[0, 0])
    dealt = _deal_again(codes, second, own, params.seed)
    chance = float(distances(dealt).mean())
    if value - chance <= params.splits.drift:
        return Distance(value, chance, np.nan, np.nan)
    n_groups = int(own.max()) + 1
    table = np.bincount(own * 2 * n_codes + cells, minlength=n_groups * 2 * n_codes)
    sums = table.reshape(n_groups, -1).astype(np.float64)
    _, low, high = bootstrap_groups(sums, distances, params.n_resamples, params.seed)
    half = float(high[0] - low[0]) / 2
    beyond = value - chance
    return Distance(value, chance, beyond - half, min(1.0, beyond + half))


def _bin(values: pd.Series) -> tuple[Codes, bool]:
    """Return the number of each value's bin or category (N,), and whether they have an order."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.to_numpy(np.float64)
        distinct, codes = np.unique(numbers, return_inverse=True)
        if len(distinct) > _BINS:
            edges = np.unique(np.quantile(numbers, np.linspace(0, 1, _BINS + 1)[1:-1]))
            codes = np.searchsorted(edges, numbers, side="left")
        return np.asarray(codes, np.int64), True
    counts = values.value_counts()
    frequent = {value: i for i, value in enumerate(counts.index[:_MOST_VALUES])}
    return values.map(frequent).fillna(len(frequent)).to_numpy(np.int64), False


def _deal_again(codes: Codes, second: NDArray[np.bool_], groups: Codes, seed: int) -> Floats:
    """Return the counts (P, 2 C) of values in both parts after whole groups were dealt to them at random.

    The films of one group in both parts count as two groups, so that the parts keep their number of groups.
    """
    units, _ = pd.factorize(2 * groups + second)
    n_codes = int(codes.max()) + 1
    in_second = np.zeros(int(units.max()) + 1, np.bool_)
    in_second[units] = second
    rng = np.random.default_rng(seed)
    dealt = np.empty((_PERMUTATIONS, 2 * n_codes))
    for i in range(_PERMUTATIONS):
        part = rng.permutation(in_second)[units]
        dealt[i] = np.bincount(codes + n_codes * part, minlength=2 * n_codes)
    return dealt


def _describe(values: pd.Series, second: NDArray[np.bool_]) -> tuple[str, str]:
    """Return in words what each part has: the median, or the share of the value that differs most."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return tuple(f"a median of {values[part].median():.4g}" for part in (~second, second))  # type: ignore[return-value]
    shares = [values[part].value_counts(normalize=True) for part in (~second, second)]
    most = str(shares[1].sub(shares[0], fill_value=0).abs().idxmax())
    first, other = (f"{share.get(most, 0.0):.0%} of '{most}'" for share in shares)
    return first, other


def _name_drift(
    name: str, parts: tuple[str, str], found: Distance, described: tuple[str, str], n: int
) -> Finding:
    a_number = described[0].startswith("a median")
    metric = "Kolmogorov–Smirnov distance" if a_number else "total variation distance"
    beyond = found.value - found.chance
    title = (
        f"{name[0].upper()}{name[1:]} differs between the parts: {described[0]} in '{parts[0]}', {described[1]} in "
        f"'{parts[1]}' ({metric} {beyond:.2f} beyond chance, {found.low:.2f} to {found.high:.2f})."
    )
    return Finding(
        check="splits",
        finding=f"drift_{name.partition(' (')[0].replace(' ', '_')}",
        severity="warning",
        title=title,
        n=n,
        total=n,
        advice=_ADVICE,
        value=beyond,
        ci_low=found.low,
        ci_high=found.high,
        metric=f"{metric} beyond chance",
    )
