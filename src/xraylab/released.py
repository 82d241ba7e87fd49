"""Released models from Python: ten lines from a film to a row of results."""

from __future__ import annotations

from typing import Any

from xraylab.models.bundle import find_bundle, open_bundle
from xraylab.pipelines import find_release, predict_names
from xraylab.prediction.engine import Predictor, PredictParams

__all__ = ["load_model"]


def load_model(model: str, workspace: str = "data", **params: Any) -> Predictor:
    """Load a released model.

    Parameters
    ----------
    model : str
        A bundle: a folder, a zip file, or an fsspec address; or the name of a pipeline such as ``bone_age``, for the
        newest bundle that it has made in the workspace.
    workspace : str
        Where runs of this project write to.
    **params
        As `xraylab.prediction.engine.PredictParams` takes them, such as ``refuse=False``.

    Returns
    -------
    Predictor
        Its ``predict("film.dcm")`` gives a `xraylab.prediction.result.Prediction`. Networks are loaded with the first
        film.

    Raises
    ------
    xraylab.models.bundle.BundleError
        If there is no such bundle, or one of its files is damaged.

    Examples
    --------
    A bundle of a network with random weights, and a phantom:

    >>> from tempfile import TemporaryDirectory
    >>> from xraylab.imaging import write_radiograph
    >>> from xraylab.models.classifiers import ClassifierParams, build_classifier
    >>> from xraylab.models.networks import describe_network
    >>> from xraylab.models.bundle import pack_bundle, write_bundle
    >>> params = ClassifierParams(widths=(4,), dense=None)
    >>> card = {"network": params.model_dump(mode="json"), "size_px": 32, "views": 1}
    >>> card |= {"calibration": None, "threshold": 0.9}
    >>> member = describe_network(build_classifier(params, 0, 32), card)
    >>> facts = {"preparations": {"film": {"size_px": 32}}, "modalities": [], "body_parts": []}
    >>> with TemporaryDirectory() as folder:
    ...     write_bundle(pack_bundle("fracture", facts, {"cnn": member}, None), f"{folder}/bundle")
    ...     write_radiograph(f"{folder}/bone.png", [[0, 1, 0]] * 3)
    ...     found = load_model(f"{folder}/bundle").predict(f"{folder}/bone.png")
    >>> str(found.status), found["finding"], found.notice
    ('ok', 'not fractured', 'Research software. Not a medical device.')
    """
    place = model
    if model in predict_names().values():
        place = find_bundle("", model, [workspace], f"kedro run --pipeline={model}")
    bundle = open_bundle(place)
    return Predictor(bundle, find_release(bundle.task).restore, PredictParams(**params))
