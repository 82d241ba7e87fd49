"""Bundles: opened from a folder, a zip or an address; refused where a byte differs; found by version."""

import json
import zipfile
from pathlib import Path

import fsspec
import numpy as np
import pytest
from tests.prediction.made import states

from xraylab.models.bundle import (
    BundleError,
    find_bundle,
    open_bundle,
    write_bundle,
    zip_bundle,
)
from xraylab.models.state import ModelState


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_bundle(states(), str(tmp_path / "made"))
    return tmp_path / "made"


def with_source(folder: Path, **source: object) -> None:
    """Say where a bundle comes from, as a run does when it saves it."""
    card = folder / "bundle.json"
    head = json.loads(card.read_text())
    card.write_text(json.dumps({**head, "source": source}))


def test_a_bundle_is_the_same_from_a_folder_a_zip_and_an_address(folder: Path) -> None:
    zip_bundle(str(folder), str(folder.parent / "made.zip"))
    memory = fsspec.filesystem("memory")
    memory.put(str(folder), "/bundles/made", recursive=True)
    memory.put_file(str(folder.parent / "made.zip"), "/bundles/made.zip")
    places = [folder, folder.parent / "made.zip", "memory://bundles/made", "memory://bundles/made.zip"]  # fmt: skip
    found = [open_bundle(str(place)) for place in places]
    assert len({each.digest for each in found}) == 1
    assert found[0].task == "fracture"
    assert found[0].preparations["film"].size_px == 16
    np.testing.assert_array_equal(found[3].members["mean"].tensors["weight"], np.ones(3))


def test_equal_bundles_give_equal_zips(folder: Path) -> None:
    for name in ("a.zip", "b.zip"):
        zip_bundle(str(folder), str(folder.parent / name))
    assert (folder.parent / "a.zip").read_bytes() == (folder.parent / "b.zip").read_bytes()


def test_a_folder_of_a_version_is_opened_too(folder: Path) -> None:
    folder.rename(folder.parent / "bundle")
    assert open_bundle(str(folder.parent)).task == "fracture"


def test_a_changed_byte_is_found(folder: Path) -> None:
    weights = folder / "member-mean.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    with pytest.raises(BundleError, match=r"member-mean\.safetensors' is damaged"):
        open_bundle(str(folder))


def test_a_card_cannot_point_outside_of_the_bundle(folder: Path) -> None:
    card = folder / "member-mean.json"
    head = json.loads(card.read_text())
    head["files"] = {"../secret.safetensors": "0"}
    card.write_text(json.dumps(head))
    with pytest.raises(BundleError, match="names files that are not of the model"):
        open_bundle(str(folder))


@pytest.mark.parametrize("missing", ["bundle.json", "member-mean.json", "member-mean.safetensors"])
def test_a_bundle_that_lacks_a_file_is_none(folder: Path, missing: str) -> None:
    (folder / missing).unlink()
    with pytest.raises(BundleError, match="is no bundle"):
        open_bundle(str(folder))


def test_what_is_no_bundle_says_so(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="is no bundle"):
        open_bundle(str(tmp_path / "nothing"))
    (tmp_path / "text.zip").write_text("no zip")
    with pytest.raises(BundleError, match="is no bundle"):
        open_bundle(str(tmp_path / "text.zip"))
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as archive:
        archive.writestr("readme.txt", "nothing")
    with pytest.raises(BundleError, match=r"it holds no card 'bundle\.json'"):
        open_bundle(str(tmp_path / "other.zip"))
    write_bundle({"cnn": ModelState({})}, str(tmp_path / "models"))
    with pytest.raises(BundleError, match="is no bundle"):
        open_bundle(str(tmp_path / "models"))


def test_a_bundle_of_another_task_is_refused(folder: Path) -> None:
    with pytest.raises(BundleError, match="is a bundle of fracture, not of bone_age"):
        open_bundle(str(folder), "bone_age")


def test_the_digest_changes_with_weights_and_card(tmp_path: Path) -> None:
    for name, each in {"a": states(), "b": states(weight=2.0), "c": states(limits="None.")}.items():
        write_bundle(each, str(tmp_path / name))
    assert len({open_bundle(str(tmp_path / name)).digest for name in "abc"}) == 3


def make_versions(workspace: Path) -> None:
    for version, phantoms in {"2026-01-01": False, "2026-02-01": False, "2026-03-01": True}.items():
        place = workspace / "06_models/fracture/bundle" / version / "bundle"
        write_bundle(states(), str(place))
        with_source(place, phantoms=phantoms, run=version, data_sets={"my_set": "1"})


def test_the_newest_bundle_of_real_data_is_found(tmp_path: Path) -> None:
    make_versions(tmp_path)
    place = find_bundle("", "fracture", [str(tmp_path)], "train it")
    found = open_bundle(place, "fracture")
    assert (found.version, found.trained_on) == ("2026-02-01", "my_set")
    named = open_bundle(find_bundle("2026-03-01", "fracture", [str(tmp_path)], "train it"))
    assert named.trained_on == "phantoms of my_set"


def test_without_a_bundle_the_message_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"no trained model of fracture yet. Train one first: kedro"):  # fmt: skip
        find_bundle("", "fracture", [str(tmp_path)], "kedro run")
    make_versions(tmp_path)
    with pytest.raises(BundleError, match=r"no model '2027' of fracture.*2026-03-01, 2026-02-01"):
        find_bundle("2027", "fracture", [str(tmp_path)], "kedro run")
