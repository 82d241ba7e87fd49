"""Nodes of lung_segmentation: films and masks → cohort → networks → masks → metrics."""

from __future__ import annotations

import hashlib
import json
import logging
import platform
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xraylab import __version__, plots
from xraylab.evaluation.duplicates import name_looks
from xraylab.evaluation.leakage import check_leakage, merge_duplicates, regroup
from xraylab.evaluation.metrics import tidy
from xraylab.evaluation.splits import NO_FOLD, assign_splits, split_rows_at_random
from xraylab.imaging.array_cache import ArrayCache, CachePlan, LoadFilm
from xraylab.imaging.augment import VARIANTS, make_variant
from xraylab.imaging.fingerprint import TURNS
from xraylab.models.networks import build_network, describe_network, restore_network
from xraylab.models.state import ModelState
from xraylab.training.params import TrainingParams

from .params import CohortParams, EvaluationParams, ProtocolParams, SegmentationModel

if TYPE_CHECKING:
    from torch import nn

    from xraylab.models.networks import Weights

__all__ = [
    "cache_films",
    "combine_protocols",
    "compare_networks",
    "evaluate",
    "index_cohort",
    "measure_masks",
    "plot_curves",
    "plot_overlays",
    "plot_protocols",
    "plot_sites",
    "predict_masks",
    "split_cohort",
    "tabulate_sites",
    "train_networks",
]

logger = logging.getLogger(__name__)

Bytes = NDArray[np.uint8]

OVERLAPS, DISTANCES = ("dice", "iou"), ("hd95", "assd")
THRESHOLD = 0.5
_OTHER_SITE = "other"


def cache_films(
    films: dict[str, LoadFilm], masks: dict[str, LoadFilm], params: CohortParams
) -> CachePlan:
    """Pair each film with its mask, or with its left and right masks, and plan their arrays.

    Parameters
    ----------
    films : dict of str to callable
        Lazy films by image id.
    masks : dict of str to callable
        Lazy masks by their path under the data set; the file is named as its film, with or without ``_mask``.
    params : CohortParams
        How films are prepared.

    Returns
    -------
    CachePlan
        What the cache decodes. Films without a mask and masks without a film are known to be of no use.

    Raises
    ------
    ValueError
        If no film has a mask.
    """
    of_film: dict[str, list[LoadFilm]] = {}
    for name in sorted(masks):
        of_film.setdefault(Path(name).name.removesuffix("_mask"), []).append(masks[name])
    paired = {image_id: load for image_id, load in films.items() if image_id in of_film}
    if not paired:
        raise ValueError(
            f"none of {len(films)} films has a mask among {len(masks)}: a mask is named as its film, with or without "
            "'_mask'"
        )
    rejected = {image_id: "has no mask" for image_id in films if image_id not in of_film}
    rejected.update({name: "is a mask without a film" for name in of_film if name not in films})
    return CachePlan(
        paired,
        {image_id: of_film[image_id] for image_id in paired},
        rejected,
        params.preprocess,
        params.workers,
        params.max_rejected_fraction,
    )


def index_cohort(arrays: ArrayCache, params: CohortParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """List what can be used: one row a film, with what it is known by.

    Returns
    -------
    cohort : DataFrame
        ``image_id, group_id`` (the film: these sets hold one a patient), ``site, tuberculosis`` (1, 0, or -1 where the
        name does not say), ``height_px, width_px, spacing_mm, source, digest, look``, ``target`` (the share of the
        film that is lung), and ``split`` and ``fold``, still empty.
    rejected : DataFrame
        ``image_id, reason``.
    """
    index = arrays.index
    ids = index["image_id"].astype(str)
    hashes = np.stack([np.frombuffer(looks, np.uint64).reshape(TURNS, -1) for looks in index["looks"]])
    label = ids.str.extract(r"_([01])$")[0]
    cohort = pd.DataFrame(
        {
            "image_id": ids,
            "group_id": ids,
            "site": _site_of(ids, params.sites),
            "tuberculosis": label.fillna("-1").astype(int),
            **{name: index[name] for name in ("height_px", "width_px", "spacing_mm", "digest")},
            "source": index["source"].str.split("+").str[0],
            "look": name_looks(ids, hashes, params.max_look_distance),
            "target": [float(mask.mean()) for mask in arrays.masks],
            "split": "",
            "fold": NO_FOLD,
        }
    )
    return cohort, arrays.rejected


def _site_of(image_ids: pd.Series, sites: dict[str, str]) -> pd.Series:
    found = pd.Series(_OTHER_SITE, index=image_ids.index)
    for start, site in sites.items():
        found[image_ids.str.startswith(start)] = site
    return found


def split_cohort(
    all_films: pd.DataFrame, params: ProtocolParams
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split films under one protocol, and pass the split through the leak gate.

    Parameters
    ----------
    all_films : DataFrame
        As `index_cohort` gives it.
    params : ProtocolParams
        The protocol.

    Returns
    -------
    cohort : DataFrame
        One row an example: that of the film, ``variant``, ``arm`` (the site that trains, empty but for ``sites``) and
        ``split``. Under ``rows`` each variant of a film is a row; otherwise variants are made in training and a film
        is one row an arm.
    leakage : DataFrame
        What the gate found, with the ``arm`` and the ``action`` that was taken.

    Raises
    ------
    ValueError
        If a part of the split would be empty, or ``sites`` finds a single one.
    LeakError
        With ``on_leak: fail``, if anything leaks.
    """
    if params.split == "rows":
        repeated = [all_films.assign(variant=variant, arm="") for variant in params.variants]
        cohort = pd.concat(repeated, ignore_index=True)
        _, held_out = split_rows_at_random(len(cohort), params.test_fraction, params.seed)
        cohort["split"] = np.where(np.isin(np.arange(len(cohort)), held_out), "test", "train")
        leaks = check_leakage(cohort, params.on_leak)
        return cohort, leaks.assign(arm="", action="reported")
    films = all_films.assign(variant="original", arm="")
    if params.split == "groups":
        return _gate(films, params, partial(_split_groups, params=params))
    sites = sorted(films["site"].unique())
    if len(sites) < 2:  # noqa: PLR2004
        raise ValueError(f"split 'sites' needs films of two sites or more, there is only '{sites[0]}'")
    arms = [_split_site(films.assign(arm=site), params) for site in sites]
    cohorts, leaks_of = zip(*arms, strict=True)
    return pd.concat(cohorts, ignore_index=True), pd.concat(leaks_of, ignore_index=True)


def _split_groups(groups: pd.Series, params: ProtocolParams) -> pd.Series:
    val, test = params.val_fraction, params.test_fraction
    return assign_splits(groups, {"train": 1 - val - test, "val": val, "test": test}, params.seed)


def _split_site(films: pd.DataFrame, params: ProtocolParams) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Train on one site, test on a part of it and on all others; a copy at the other site tests nothing."""
    site = films["arm"].iloc[0]
    own = films["site"] == site

    def resplit(groups: pd.Series) -> pd.Series:
        split = pd.Series("test", index=groups.index)
        split[own] = _split_groups(groups[own], params)
        families_here = set(groups[own])
        split[~own & groups.isin(families_here)] = ""
        return split

    return _gate(films, params, resplit)


def _gate(
    films: pd.DataFrame, params: ProtocolParams, resplit: Callable[[pd.Series], pd.Series]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split by film, look for leaks, and split again by family if asked to."""
    cohort = films.assign(split=resplit(films["group_id"]))
    leaks = check_leakage(cohort, params.on_leak)
    action = "reported"
    if params.on_leak == "regroup":
        cohort, action = regroup(cohort, resplit), "regrouped"
    if len(leaks):
        families = merge_duplicates(films)
        logger.warning(
            "The leak gate found %d leaks among %d families; %s", len(leaks), families.nunique(), action
        )
    return cohort, leaks.assign(arm=films["arm"].iloc[0], action=action)


def train_networks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    encoder_weights: Weights,
    unfinished: Path,
    training: TrainingParams,
    params: ProtocolParams,
) -> tuple[dict[str, ModelState], pd.DataFrame]:
    """Train every network of a protocol, on every arm.

    Parameters
    ----------
    arrays : ArrayCache
        Films and masks.
    cohort : DataFrame
        As `split_cohort` gives it.
    encoder_weights : mapping of str to callable
        Pretrained weights that lie at hand.
    unfinished : Path
        Folder for checkpoints; what a killed run left there is gone on from.
    training : TrainingParams
        Budget and machine.
    params : ProtocolParams
        The networks.

    Returns
    -------
    models : dict of str to ModelState
        Named as in the parameters, followed by ``_<arm>`` where there are arms.
    history : DataFrame
        One row an epoch: ``model, epoch, train_loss, val_loss, val_dice, learning_rate, seconds``.
    """
    models, histories = {}, []
    for name, spec, rows in _trainings(cohort, params):
        logger.info("Training %s on %d examples", name, int((rows["split"] == "train").sum()))
        network = build_network(spec.network, training.seed, encoder_weights)
        facts = _describe_training(arrays, rows, spec, training, params)
        folder = unfinished / f"{name}-{_digest(facts)}"
        models[name], history = _train(network, arrays, rows, spec, training, params, facts, folder)
        histories.append(history.assign(model=name))
    history = pd.concat(histories, ignore_index=True)
    first = ["model", "epoch", "train_loss", "val_loss", "val_dice"]
    return models, history[[*first, *(name for name in history if name not in first)]]


def _trainings(
    cohort: pd.DataFrame, params: ProtocolParams
) -> Iterator[tuple[str, SegmentationModel, pd.DataFrame]]:
    """Give name, description and examples of each training."""
    for arm, rows in cohort.groupby("arm", sort=True):
        for name, spec in params.models.items():
            yield f"{name}_{arm}" if arm else name, spec, rows


def _train(
    network: nn.Module,
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: SegmentationModel,
    training: TrainingParams,
    params: ProtocolParams,
    facts: dict[str, Any],
    folder: Path,
) -> tuple[ModelState, pd.DataFrame]:
    from torchmetrics import MetricCollection
    from torchmetrics.classification import BinaryF1Score

    from xraylab.training.data import MaskedFilms, RandomAugmentation
    from xraylab.training.fit import fit

    split = {part: rows[rows["split"] == part] for part in ("train", "val", "test")}
    learn, check = split["train"], split["val"] if len(split["val"]) else split["test"]
    if params.split != "rows":  # variants belong to the training part alone
        learn = pd.concat([learn.assign(variant=each) for each in params.variants])
    augment = spec.recipe.augmentation and RandomAugmentation(spec.recipe.augmentation)
    parts = [
        MaskedFilms(
            arrays.films, arrays.masks, arrays.rows_of(part["image_id"]),
            _VariantOf(part["variant"].tolist(), part["image_id"].tolist(), params.seed), change,
        )
        for part, change in ((learn, augment), (check, None))
    ]  # fmt: skip
    outcome = fit(
        network, *parts, spec.recipe, training,
        metrics=MetricCollection({"dice": BinaryF1Score()}), folder=folder,
    )  # fmt: skip
    last = outcome.history.iloc[outcome.best_epoch]
    card = {
        **facts,
        "n_train": len(learn),
        "n_val": len(check),
        "fit": outcome.facts(),
        "metrics": {"val_loss": outcome.val_loss, "val_dice": float(last["val_dice"])},
        "lung_fraction_range": [float(x) for x in np.percentile(learn["target"], [1, 99])],
        "versions": _versions(),
        "notice": "Research software. Not a medical device.",
    }
    return describe_network(network, card), outcome.history


class _VariantOf:
    """The published variant of an example, the same at every epoch and in every process."""

    def __init__(self, variants: list[str], image_ids: list[str], seed: int) -> None:
        self.variants, self.image_ids, self.seed = variants, image_ids, seed

    def __call__(self, film: Bytes, mask: Bytes, position: int) -> tuple[Bytes, Bytes]:
        return vary(film, mask, self.variants[position], self.image_ids[position], self.seed)


def vary(film: Bytes, mask: Bytes, variant: str, image_id: str, seed: int) -> tuple[Bytes, Bytes]:
    """Return a published variant of a film and its mask, drawn by the seed, the image and the variant."""
    stream = int.from_bytes(hashlib.blake2b(image_id.encode(), digest_size=8).digest(), "big")
    place = next(i for i, each in enumerate(VARIANTS) if each == variant)
    return make_variant(VARIANTS[place], film, mask, np.random.default_rng([seed, place, stream]))


def _describe_training(
    arrays: ArrayCache,
    rows: pd.DataFrame,
    spec: SegmentationModel,
    training: TrainingParams,
    params: ProtocolParams,
) -> dict[str, Any]:
    """Return all that a training depends on."""
    known = arrays.index.set_index("image_id")["source"]
    used = [[r.image_id, r.split, r.variant, known[r.image_id]] for r in rows.itertuples()]
    return {
        "kind": "segmentation",
        "network": spec.network.model_dump(mode="json"),
        "recipe": spec.recipe.model_dump(mode="json"),
        "training": training.model_dump(mode="json", exclude={"progress"}),
        "average_flip": spec.average_flip,
        "variants": list(params.variants),
        "size_px": arrays.size_px,
        "preprocess": arrays.preprocess,
        "data_digest": _digest(used),
    }


def _digest(facts: Any) -> str:
    text = json.dumps(facts, sort_keys=True).encode()
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def _versions() -> dict[str, str]:
    from importlib.metadata import version

    packages = ("torch", "lightning", "segmentation-models-pytorch", "numpy")
    return {"xraylab": __version__, "python": platform.python_version(), **{name: version(name) for name in packages}}


def predict_masks(
    arrays: ArrayCache,
    cohort: pd.DataFrame,
    models: dict[str, ModelState],
    training: TrainingParams,
    params: ProtocolParams,
) -> dict[str, Callable[[], Bytes]]:
    """Predict the lungs of every film that was not trained on, as the catalog saves it, a batch at a time.

    Returns
    -------
    dict of str to callable
        By ``<model>/<image>`` (with ``~<variant>`` for a variant) a callable that gives the mask (S, S) of 0 and 1.
    """
    masks: dict[str, Callable[[], Bytes]] = {}
    for name, spec, rows in _trainings(cohort, params):
        held_out = rows[rows["split"].isin(["val", "test"])]
        keys = [mask_key(name, row.image_id, row.variant) for row in held_out.itertuples()]
        order = np.argsort(np.array(keys))  # that in which the catalog saves them
        batches = _Batches(
            restore_network(models[name]), arrays, held_out.iloc[order], spec, training, params.seed
        )
        masks.update({keys[i]: partial(batches.mask, position) for position, i in enumerate(order)})
    return masks


def mask_key(model: str, image_id: str, variant: str) -> str:
    """Return the name of a predicted mask among all of a protocol."""
    return f"{model}/{image_id}" if variant == "original" else f"{model}/{image_id}~{variant}"


class _Batches:
    """Masks of one network, predicted a batch at a time when the first of a batch is asked for."""

    def __init__(
        self,
        network: nn.Module,
        arrays: ArrayCache,
        rows: pd.DataFrame,
        spec: SegmentationModel,
        training: TrainingParams,
        seed: int,
    ) -> None:
        self.network, self.arrays, self.rows, self.spec = network, arrays, rows, spec
        self.training, self.seed = training, seed
        self._start, self._masks = -1, np.zeros((0, 0, 0), np.uint8)

    def mask(self, position: int) -> Bytes:
        """Return the mask of one row."""
        from xraylab.training.predict import predict_probabilities

        size = self.spec.recipe.batch_size
        start = position - position % size
        if start != self._start:
            batch = self.rows.iloc[start : start + size]
            films = [self._film(row) for row in batch.itertuples()]
            found = predict_probabilities(
                self.network, np.stack(films), precision=self.training.precision,
                accelerator=self.training.accelerator, flip=self.spec.average_flip,
            )  # fmt: skip
            self._start, self._masks = start, (found >= THRESHOLD).astype(np.uint8)
        return np.asarray(self._masks[position - start])

    def _film(self, row: Any) -> Bytes:
        place = self.arrays.rows_of(pd.Series([row.image_id]))[0]
        film = np.asarray(self.arrays.films[place])
        return vary(film, np.zeros_like(film), row.variant, row.image_id, self.seed)[0]


def measure_masks(
    masks: Mapping[str, LoadFilm], arrays: ArrayCache, cohort: pd.DataFrame, params: ProtocolParams
) -> pd.DataFrame:
    """Hold every predicted mask against the truth, as it is and cleaned.

    Parameters
    ----------
    masks : mapping of str to callable
        Predicted masks as `predict_masks` names them.
    arrays : ArrayCache
        The truth.
    cohort : DataFrame
        As `split_cohort` gives it.
    params : ProtocolParams
        The models.

    Returns
    -------
    DataFrame
        One row a film and model: ``image_id, group_id, model, arm, site, variant, split, fold``, ``target`` and
        ``prediction`` (true and predicted share of the film that is lung), ``dice, iou, hd95, assd`` of both lungs and
        of each (``_right, _left``), the first four ``_cleaned``, and ``_mm`` where the film's spacing is known.
        Distances are in pixels of the network's grid.
    """
    from joblib import Parallel, delayed

    jobs = [
        (name, row)
        for name, _, rows in _trainings(cohort, params)
        for row in rows[rows["split"].isin(["val", "test"])].itertuples()
    ]
    run = Parallel(n_jobs=2, prefer="threads")
    keep = ("image_id", "group_id", "arm", "site", "variant", "split", "fold", "target")
    measured = run(
        delayed(_measure)(masks[mask_key(name, row.image_id, row.variant)], arrays, row, params.seed)
        for name, row in jobs
    )
    rows = [
        {"model": name, **{column: getattr(row, column) for column in keep}, **values}
        for (name, row), values in zip(jobs, measured, strict=True)
    ]
    return pd.DataFrame(rows)


def _measure(load: LoadFilm, arrays: ArrayCache, row: Any, seed: int) -> dict[str, float]:
    """Measure one mask."""
    from xraylab.evaluation.segmentation import clean_mask, measure_mask

    place = arrays.rows_of(pd.Series([row.image_id]))[0]
    film, truth = np.asarray(arrays.films[place]), np.asarray(arrays.masks[place])
    truth = vary(film, truth, row.variant, row.image_id, seed)[1]
    predicted = np.asarray(load() > THRESHOLD, np.uint8)
    cleaned = clean_mask(predicted)
    values = {"prediction": float(predicted.mean()), **measure_mask(predicted, truth)}
    values |= {f"{name}_cleaned": value for name, value in measure_mask(cleaned, truth, False).items()}
    # rows and columns are scaled alike only on a square film; the row's spacing stands for both
    to_mm = row.spacing_mm * row.height_px / arrays.size_px
    return values | {f"{name}_mm": values[name] * to_mm for name in DISTANCES}


def combine_protocols(**tables: pd.DataFrame) -> pd.DataFrame:
    """Put the tables of several protocols below each other, with the protocol's name in the first column."""
    named = []
    for protocol, table in tables.items():
        named.append(table.copy())
        named[-1].insert(0, "protocol", protocol)
    return pd.concat(named, ignore_index=True)


def evaluate(
    predictions: pd.DataFrame, history: pd.DataFrame, params: EvaluationParams
) -> pd.DataFrame:
    """Measure every protocol, model and split, with 95 % intervals by bootstrap over films.

    Under ``sites`` the split ``test`` is the other site, and ``own_site`` the part held out at the site that trained.

    Returns
    -------
    DataFrame
        Tidy metrics: mean, percentile and worst film of every column of `measure_masks`, the mean Dice by site
        (``dice_<site>``), and ``val_loss``, the least loss of the training on the part that chose the weights.
    """
    from xraylab.evaluation.segmentation import segmentation_metrics

    rows = predictions.assign(split=_part(predictions))
    base = (*OVERLAPS, *DISTANCES)
    names = [*base, *(f"{m}_{side}" for m in base for side in ("right", "left"))]
    names += [*(f"{m}_cleaned" for m in base), *(f"{m}_mm" for m in DISTANCES)]
    tables = []
    for (protocol, model, split), part in rows.groupby(["protocol", "model", "split"], sort=False):
        found = [segmentation_metrics(part, names, params.n_resamples, params.seed)]
        for site, here in part.groupby("site"):
            of_site = here.rename(columns={"dice": f"dice_{site}"})
            table = segmentation_metrics(of_site, [f"dice_{site}"], params.n_resamples, params.seed)
            found.append(table[table["metric"] == f"dice_{site}"])
        tables.append(tidy(str(protocol), str(model), str(split), pd.concat(found)))
    for (protocol, model), epochs in history.groupby(["protocol", "model"], sort=False):
        n = int(((rows["protocol"] == protocol) & (rows["model"] == model) & (rows["split"] == "val")).sum())
        loss = {"metric": "val_loss", "value": epochs["val_loss"].min(), "ci_low": np.nan, "ci_high": np.nan, "n": n}
        tables.append(tidy(str(protocol), str(model), "val", pd.DataFrame([loss])))
    return pd.concat(tables, ignore_index=True)


def _part(predictions: pd.DataFrame) -> pd.Series:
    """Return the split, apart from films that are held out at the very site that an arm trained on."""
    own = (predictions["arm"] != "") & (predictions["arm"] == predictions["site"])
    return predictions["split"].mask(own & (predictions["split"] == "test"), "own_site")


def compare_networks(metrics: pd.DataFrame, **models: dict[str, ModelState]) -> pd.DataFrame:
    """Lay networks beside each other: what they are, what they cost, how well they do on the held-out part.

    Returns
    -------
    DataFrame
        One row a protocol and model: ``protocol, model, network, n_parameters, epochs, minutes, val_loss`` and, on the
        split ``test``, ``n, dice, dice_ci_low, dice_ci_high, dice_p5, dice_worst, dice_cleaned, iou, hd95, assd``.
    """
    wanted = ("dice", "dice_p5", "dice_worst", "dice_cleaned", "iou", "hd95", "assd")
    rows = []
    for protocol, states in models.items():
        for name, state in states.items():
            here = (metrics["protocol"] == protocol) & (metrics["model"] == name) & (metrics["split"] == "test")
            found = metrics[here].set_index("metric")
            network = state.card["network"]
            row = {
                "protocol": protocol,
                "model": name,
                "network": "-".join(filter(None, (network["architecture"], network["encoder"]))),
                "n_parameters": state.card["n_parameters"],
                "epochs": state.card["fit"]["epochs"],
                "minutes": state.card["fit"]["minutes"],
                "val_loss": state.card["metrics"]["val_loss"],
                "n": int(found["n"].get("dice", 0)),
                **{metric: found["value"].get(metric, np.nan) for metric in wanted},
                "dice_ci_low": found["ci_low"].get("dice", np.nan),
                "dice_ci_high": found["ci_high"].get("dice", np.nan),
            }
            rows.append(row)
    return pd.DataFrame(rows)


def tabulate_sites(predictions: pd.DataFrame, params: EvaluationParams) -> pd.DataFrame:
    """Measure every model on every site.

    Returns
    -------
    DataFrame
        One row a model, site that trained and site that tests: ``model, train_site, test_site``, and ``metric, value,
        ci_low, ci_high, n`` of ``dice, dice_cleaned`` and ``hd95``. Where both sites are one, its held-out part.
    """
    from xraylab.evaluation.segmentation import segmentation_metrics

    tables = []
    test = predictions[predictions["split"] == "test"]
    wanted = ["dice", "dice_cleaned", "hd95"]
    for (model, arm, site), part in test.groupby(["model", "arm", "site"], sort=True):
        table = segmentation_metrics(part, wanted, params.n_resamples, params.seed)
        table = table[table["metric"].isin(wanted)]
        tables.append(table.assign(model=str(model).removesuffix(f"_{arm}"), train_site=arm, test_site=site))
    matrix = pd.concat(tables, ignore_index=True)
    return matrix[["model", "train_site", "test_site", "metric", "value", "ci_low", "ci_high", "n"]]


def plot_curves(history: pd.DataFrame) -> plots.Figure:
    """Draw the loss of every network, epoch by epoch."""
    return plots.plot_loss_curves(history)


def plot_protocols(metrics: pd.DataFrame) -> plots.Figure:
    """Draw the Dice of every model under every protocol."""
    return plots.plot_protocol_comparison(metrics, "dice")


def plot_sites(site_matrix: pd.DataFrame) -> plots.Figure:
    """Draw the Dice of each site that trained on each site that tests."""
    return plots.plot_site_matrix(site_matrix, "dice")


def plot_overlays(
    arrays: ArrayCache,
    masks: Mapping[str, LoadFilm],
    predictions: pd.DataFrame,
    params: EvaluationParams,
) -> plots.Figure:
    """Draw true and predicted lungs of the best, the median and the worst film of the test part, at each site.

    Raises
    ------
    ValueError
        If the model has no row in the test part.
    """
    names = predictions["model"].unique()
    model = params.overlay_model if params.overlay_model in names else names[0]
    rows = predictions[(predictions["model"] == model) & (predictions["split"] == "test")]
    rows = rows[rows["variant"] == "original"]
    if rows.empty:
        raise ValueError(f"'{model}' has no original film in the test part to show")
    panels: dict[str, list[tuple[str, Bytes, Bytes, Bytes]]] = {}
    for site, part in rows.groupby("site"):
        ranked = part.sort_values("dice", ascending=False, ignore_index=True)
        chosen = {"best": 0, "median": len(ranked) // 2, "worst": len(ranked) - 1}
        for word, place in chosen.items():
            row = ranked.iloc[place]
            position = arrays.rows_of(pd.Series([row["image_id"]]))[0]
            mask = masks[mask_key(model, row["image_id"], "original")]() > THRESHOLD
            label = f"{word}: {row['image_id']}\nDice {row['dice']:.3f}, HD95 {row['hd95']:.1f} px"
            panels.setdefault(str(site), []).append(
                (label, np.asarray(arrays.films[position]), np.asarray(arrays.masks[position]), mask.astype(np.uint8))
            )
    return plots.plot_mask_overlays(panels, f"{model}, films that no network was trained on")
