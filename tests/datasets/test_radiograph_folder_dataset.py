import base64
import pickle
from pathlib import Path

import cv2
import numpy as np
import pytest
from kedro.io import DatasetError

from xraylab.datasets import RadiographDataset, RadiographFolderDataset
from xraylab.imaging import UnreadableRadiograph, write_radiograph

FILM = np.array([[0.0, 0.25], [0.5, 1.0]], np.float32)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("images/a.png", "images_001/images/b.png", "images2/c.PNG"):
        write_radiograph(str(tmp_path / name.lower()), FILM, bits=8)
    (tmp_path / "images2/c.png").rename(tmp_path / "images2/c.PNG")
    (tmp_path / "images/desktop.ini").touch()
    (tmp_path / "images/.hidden.png").touch()
    (tmp_path / "images/x.png").mkdir()
    (tmp_path / "images/text.png").write_text("no film")
    return tmp_path


NIH = ["images", "images_*/images", "images[0-9]*"]


def test_previews_are_small_pngs(folder: Path) -> None:
    write_radiograph(
        str(folder / "large.png"), np.random.default_rng(0).random((900, 1200), np.float32), bits=8
    )
    one = RadiographDataset(filepath=str(folder / "large.png")).preview()
    image = cv2.imdecode(np.frombuffer(base64.b64decode(one), np.uint8), cv2.IMREAD_UNCHANGED)
    assert max(image.shape[:2]) <= 512
    sheet = RadiographFolderDataset(path=str(folder), folders=NIH).preview()
    assert base64.b64decode(sheet).startswith(b"\x89PNG")


def test_folder_of_several_folders_is_listed_lazily_by_id(folder: Path) -> None:
    films = RadiographFolderDataset(path=str(folder), folders=NIH).load()
    assert list(films) == ["a", "b", "c", "text"]
    assert films.ignored["images/x.png"] == "a folder among the files: not read"
    assert np.allclose(films["c"](), FILM, atol=1 / 255)
    with pytest.raises(UnreadableRadiograph):
        films["text"]()
    again = pickle.loads(pickle.dumps(films["b"]))  # noqa: S301 - made one line above
    assert np.array_equal(again(), films["b"]())


@pytest.mark.parametrize(
    ("kind", "ids"), [("name", "a.png"), ("relative", "images/a"), ("path", "images/a.png")]
)
def test_ids(folder: Path, kind: str, ids: str) -> None:
    assert ids in RadiographFolderDataset(path=str(folder), folders=["images"], id=kind).load()


def test_one_id_in_two_folders_names_both(folder: Path) -> None:
    write_radiograph(str(folder / "images2/a.png"), FILM)
    with pytest.raises(
        DatasetError, match=r"two films have the image id 'a'.*images/a.png.*images2/a.png"
    ):
        RadiographFolderDataset(path=str(folder), folders=NIH).load()


def test_missing_and_empty_folders_say_what_to_do(tmp_path: Path) -> None:
    missing = RadiographFolderDataset(path=str(tmp_path / "nowhere"), folders=NIH)
    assert not missing.exists()
    with pytest.raises(DatasetError, match=r"there is no folder .*under .*nowhere"):
        missing.load()
    (tmp_path / "images").mkdir()
    with pytest.raises(DatasetError, match="there is no film in"):
        RadiographFolderDataset(path=str(tmp_path), folders=["images"]).load()
    assert (
        RadiographFolderDataset(path=str(tmp_path), folders=["images"], allow_empty=True).load()
        == {}
    )


def test_films_of_any_depth_are_saved_and_replace_what_was_there(tmp_path: Path) -> None:
    def dataset(**options: object) -> RadiographFolderDataset:
        return RadiographFolderDataset(
            path=str(tmp_path), folders=["**"], id="relative", allow_empty=True, **options
        )

    (tmp_path / "notes.txt").write_text("mine")
    dataset().save({"patientA/1.dcm": FILM, "patientB/1.png": FILM, "c": FILM})
    assert sorted(dataset().load()) == ["c", "patientA/1.dcm", "patientB/1.png"]
    assert (tmp_path / "patientA/1.dcm.png").is_file()
    dataset(overwrite=True).save({"d": FILM})
    films = dataset().load()
    assert list(films) == ["d"]
    assert films.ignored == {"notes.txt": "a table or a text beside the films"}


def test_every_file_is_a_film_or_ignored_by_a_rule(tmp_path: Path) -> None:
    folder = tmp_path / "a [b], 'c' ü #1 %20"
    deep = folder / "patient 1" / "study"
    deep.mkdir(parents=True)
    write_radiograph(str(deep / "1.png"), FILM)
    write_radiograph(str(folder / "1.png"), FILM)
    (folder / "IM0001").write_bytes(b"no film")
    (folder / "notes.pdf").write_bytes(b"%PDF")
    (folder / "._1.png").write_bytes(b"")
    (folder / "Thumbs.db").write_bytes(b"")
    (folder / "loop").symlink_to(folder)
    other = tmp_path / "elsewhere"
    other.mkdir()
    write_radiograph(str(other / "2.png"), FILM)
    (folder / "linked").symlink_to(other)
    (folder / "3.png").symlink_to(other / "2.png")
    films = RadiographFolderDataset(path=str(folder), folders=["**"], id="path").load()
    assert list(films) == ["1.png", "3.png", "IM0001", "linked/2.png", "patient 1/study/1.png"]
    assert films.ignored == {
        "._1.png": "hidden: its name begins with a dot",
        "Thumbs.db": "a file of the operating system",
        "loop": "a link to a folder that is read already",
        "notes.pdf": "a table or a text beside the films",
    }
    assert films["linked/2.png"]().shape == FILM.shape
    with pytest.raises(UnreadableRadiograph, match="is not a PNG"):
        films["IM0001"]()
    # a single file stands for a folder
    (single,) = (
        RadiographFolderDataset(path=str(deep / "1.png"), folders=["**"], id="path").load().items()
    )
    assert single[0] == "1.png"
    assert single[1]().shape == FILM.shape


def test_an_optional_folder_need_not_be_there(tmp_path):
    dataset = RadiographFolderDataset(path=str(tmp_path / "none"), optional=True)
    assert dataset.OPTIONAL
    assert dataset.load() == {}
    assert not dataset.exists()  # which stays truthful
    assert not RadiographFolderDataset(path=str(tmp_path)).OPTIONAL


@pytest.mark.parametrize("path", ["local", "memory:///saved"])
def test_films_are_saved_lazily(tmp_path: Path, path: str) -> None:
    root = str(tmp_path / "saved") if path == "local" else path
    dataset = RadiographFolderDataset(
        path=root, folders=[".", "*/*"], id="relative", allow_empty=True
    )
    dataset.save({})
    dataset.save({"quantum/0.5/a": lambda: FILM, "b": FILM})
    films = dataset.load()
    assert list(films) == ["b", "quantum/0.5/a"]
    assert np.allclose(films["quantum/0.5/a"](), FILM, atol=1e-4)


@pytest.mark.parametrize("image_id", ["../escape", "/etc/film", "too/deep/by/far"])
def test_no_film_is_saved_outside_of_its_folders(tmp_path: Path, image_id: str) -> None:
    dataset = RadiographFolderDataset(
        path=str(tmp_path / "in"), folders=[".", "*/*"], id="relative"
    )
    with pytest.raises(DatasetError, match="does not name a PNG"):
        dataset.save({image_id: FILM})
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        ({"folders": ["../up"]}, "must lie under path"),
        ({"folders": []}, "one or more"),
        ({"id": "number"}, "id must be one of"),
    ],
)  # fmt: skip
def test_bad_arguments_are_refused(tmp_path: Path, arguments: dict[str, object], rule: str) -> None:
    with pytest.raises(DatasetError, match=rule):
        RadiographFolderDataset(path=str(tmp_path), **arguments)


def test_films_are_listed_without_opening_one(tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for i in range(2000):
        (images / f"{i:08d}.png").touch()  # empty: opening one would raise
    assert len(RadiographFolderDataset(path=str(tmp_path), folders=["images"]).load()) == 2000
