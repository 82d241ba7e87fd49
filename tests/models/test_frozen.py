"""Frozen encoders, oriented gradients, and the store of features."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from skimage.feature import hog

from xraylab.models.embeddings import EmbeddingPlan, read_embeddings, write_embeddings
from xraylab.models.frozen import FrozenEncoderParams, build_frozen_encoder
from xraylab.models.hog import OrientedGradients
from xraylab.models.mlp import PUBLISHED_SIZES, build_mlp, restore_mlp
from xraylab.models.networks import count_parameters, describe_network
from xraylab.models.resunet import ResUNet


def test_gradients_are_those_of_scikit_image():
    film = np.random.default_rng(0).random((128, 128)).astype(np.float32)
    (found,) = OrientedGradients()(torch.from_numpy(film)[None, None])
    wanted = hog(film, 8, (16, 16), (2, 2), block_norm="L2-Hys").reshape(7, 7, 2, 2, 8)
    mine = found[0].reshape(8, 2, 2, 7, 7).permute(3, 4, 1, 2, 0).numpy()
    with pytest.raises(ValueError, match="must be multiples of 8"):
        OrientedGradients()(torch.zeros(1, 1, 100, 100))
    # an angle on the edge of two bins may fall into either
    assert np.mean(np.abs(mine - wanted) > 1e-4) < 0.02
    assert np.abs(mine - wanted).max() < 0.05


def test_vgg16_gives_the_published_number_of_features():
    encoder, weights = build_frozen_encoder(FrozenEncoderParams(encoder="vgg16"), 0, {})
    with torch.inference_mode():
        assert encoder(torch.zeros(1, 1, 224, 224)).shape == (1, 25_088)
    assert weights == "random"


def test_the_published_network_has_its_sizes():
    network = build_mlp(25_088, PUBLISHED_SIZES, 0)
    sizes = [(m.in_features, m.out_features) for m in network if isinstance(m, torch.nn.Linear)]
    assert sizes == [(25_088, 200), (200, 120), (120, 80), (80, 50), (50, 20), (20, 5), (5, 2)]
    assert sum(isinstance(m, torch.nn.ReLU) for m in network) == 6
    # weights and biases of each layer
    assert count_parameters(network) == sum(a * b + b for a, b in sizes)


def test_a_stored_dense_network_comes_back():
    network = build_mlp(4, (3,), 1)
    network[0].mean.fill_(2.0)
    state = describe_network(network, {"network": {"n_features": 4, "hidden_sizes": [3]}})
    x = torch.rand(5, 4)
    assert torch.equal(restore_mlp(state)(x), network(x))


def test_an_encoder_takes_the_weights_of_our_own_network():
    trained = ResUNet(widths=(4, 8))
    tensors = {name: value.numpy() for name, value in trained.state_dict().items()}
    at_hand = {"resunet.models/lung_segmentation/honest/robust": lambda: tensors}
    params = FrozenEncoderParams(
        encoder="resunet", widths=(4, 8), weights="models/lung_segmentation/honest/robust", grid=2
    )
    encoder, weights = build_frozen_encoder(params, 0, at_hand)
    films = torch.rand(2, 1, 16, 16)
    with torch.inference_mode():
        wanted = torch.nn.functional.adaptive_avg_pool2d(trained.eval().encode(films)[-1], 2)
        assert torch.equal(encoder(films), wanted.flatten(1))
    assert weights == "models/lung_segmentation/honest/robust"
    with pytest.raises(
        ValueError, match="there is no trained model 'lung_segmentation/honest/robust'"
    ):
        build_frozen_encoder(params, 0, {})
    random = params.model_copy(update={"if_missing": "random"})
    assert build_frozen_encoder(random, 0, {})[1] == "random"
    with pytest.raises(ValueError, match="are not those of a 'resunet' of such widths"):
        build_frozen_encoder(params.model_copy(update={"widths": (4, 16)}), 0, at_hand)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"encoder": "hog", "weights": "imagenet"}, "'hog' has no weights"),
        (
            {"encoder": "resunet", "weights": "imagenet"},
            "must begin with 'models/', got 'imagenet'",
        ),
        ({"encoder": "vgg16", "widths": (4, 8)}, "widths belong to unet and resunet"),
        ({"encoder": "vgg_16"}, "Did you mean 'vgg16'"),
    ],
)
def test_impossible_encoders_are_refused(settings, words):
    with pytest.raises(ValidationError, match=words):
        FrozenEncoderParams(**settings)


def plan(sources: list[str], seen: list[list[int]], facts: dict | None = None) -> EmbeddingPlan:
    def compute(rows: np.ndarray) -> np.ndarray:
        seen.append(rows.tolist())
        return np.stack([rows, 10 * rows], axis=1).astype(np.float32)

    return EmbeddingPlan(
        [f"film_{each}" for each in sources],
        sources,
        facts or {"encoder": "a"},
        compute,
        batch_size=2,
    )


def test_a_store_computes_in_batches_and_only_what_is_new(tmp_path: Path):
    import pandas as pd

    seen: list[list[int]] = []
    write_embeddings({"a": plan(["p", "q", "r"], seen)}, tmp_path / "1")
    assert seen == [[0, 1], [2]]
    first = read_embeddings(tmp_path / "1")["a"]
    assert first.matrix.tolist() == [[0, 0], [1, 10], [2, 20]]
    found = first.rows(pd.Series(["film_r", "film_p"]), pd.Series(["r", "p"]))
    assert found.tolist() == [[2, 20], [0, 0]]
    with pytest.raises(KeyError, match="'film_z' has no embedding"):
        first.rows(pd.Series(["film_z"]), pd.Series(["z"]))
    with pytest.raises(
        ValueError, match="the embedding of 'film_r' is of another film of this name"
    ):
        first.rows(pd.Series(["film_p", "film_r"]), pd.Series(["p", "q"]))

    seen.clear()
    write_embeddings({"a": plan(["r", "s", "p"], seen)}, tmp_path / "2", tmp_path / "1")
    assert seen == [[1]]
    second = read_embeddings(tmp_path / "2")["a"].matrix
    assert second.tolist() == [[2, 20], [1, 10], [0, 0]]

    seen.clear()  # another making: nothing is known
    write_embeddings({"a": plan(["r"], seen, {"encoder": "b"})}, tmp_path / "3", tmp_path / "2")
    assert seen == [[0]]


def test_a_broken_store_is_computed_again(tmp_path: Path):
    seen: list[list[int]] = []
    write_embeddings({"a": plan(["p", "q"], seen)}, tmp_path / "1")
    (tmp_path / "1/a.f32").write_bytes(b"cut")
    seen.clear()
    write_embeddings({"a": plan(["p", "q"], seen)}, tmp_path / "2", tmp_path / "1")
    assert seen == [[0, 1]]
    assert json.loads((tmp_path / "2/a.json").read_text())["n_features"] == 2
