from pathlib import Path

import numpy as np
import pytest

from xraylab.imaging import FilmFile, UnreadableRadiograph, write_radiograph
from xraylab.imaging.array_cache import CachePlan, read_cache, write_cache
from xraylab.imaging.fingerprint import perceptual_hashes
from xraylab.imaging.preprocess import PreprocessParams

PARAMS = PreprocessParams(size_px=16, equalise="none")


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c"):
        write_radiograph(str(tmp_path / "raw" / f"{name}.png"), rng.random((24, 32)), bits=8)
        write_radiograph(
            str(tmp_path / "raw" / f"{name}_mask.png"), rng.random((24, 32)) > 0.5, bits=8
        )
    return tmp_path / "raw"


def plan(raw: Path, names: str = "abc", **options) -> CachePlan:
    return CachePlan(
        {name: FilmFile(str(raw / f"{name}.png")) for name in names},
        {name: [FilmFile(str(raw / f"{name}_mask.png"))] for name in names},
        preprocess=options.pop("preprocess", PARAMS),
        **options,
    )


def test_what_is_written_is_what_the_films_hold(raw, tmp_path):
    lone = {"x": "is a mask without a film"}
    write_cache(plan(raw, unpaired=lone), str(tmp_path / "cache"))
    cache = read_cache(str(tmp_path / "cache"))
    assert cache.films.shape == cache.masks.shape == (3, 16, 16)
    assert isinstance(cache.films, np.memmap)
    assert not cache.films.flags.writeable
    assert cache.index["image_id"].tolist() == ["a", "b", "c"]
    assert cache.index[["height_px", "width_px"]].to_numpy().tolist() == [[24, 32]] * 3
    assert cache.index["spacing_mm"].isna().all()
    assert cache.index["digest"].nunique() == 3
    assert cache.rejected.to_numpy().tolist() == [["x", "is a mask without a film"]]
    from xraylab.imaging.preprocess import prepare_film, prepare_mask

    film = FilmFile(str(raw / "b.png"))()
    assert np.array_equal(cache.films[1], prepare_film(film, PARAMS))
    mask = FilmFile(str(raw / "b_mask.png"))()
    assert np.array_equal(cache.masks[cache.row_of("b")], prepare_mask([mask], film.shape, PARAMS))


def test_the_hashes_are_those_of_the_cached_films(raw, tmp_path):
    write_cache(plan(raw), str(tmp_path / "cache"))
    cache = read_cache(str(tmp_path / "cache"))
    expected = np.stack([perceptual_hashes(np.array(film)) for film in cache.films])
    assert cache.hashes.dtype == np.uint64
    assert np.array_equal(cache.hashes, expected)


def test_only_new_films_are_decoded(raw, tmp_path, monkeypatch):
    folder = str(tmp_path / "cache")
    write_cache(plan(raw, "ab"), folder)
    first = np.array(read_cache(folder).films)
    decoded = []
    decode = FilmFile.decode

    def count(self: FilmFile, data: bytes):
        decoded.append(self.path)
        return decode(self, data)

    monkeypatch.setattr(FilmFile, "decode", count)
    write_cache(plan(raw, "abc"), folder)
    assert {Path(path).stem for path in decoded} == {"c", "c_mask"}
    assert np.array_equal(read_cache(folder).films[:2], first)

    decoded.clear()  # other bytes under the old name, and another preprocessing
    write_radiograph(str(raw / "a.png"), np.zeros((24, 32)), bits=8)
    write_cache(plan(raw), folder)
    assert {Path(path).stem for path in decoded} == {"a", "a_mask"}
    assert not read_cache(folder).films[0].any()
    decoded.clear()
    write_cache(plan(raw, preprocess=PARAMS.model_copy(update={"size_px": 8})), folder)
    assert len(decoded) == 6
    assert read_cache(folder).films.shape == (3, 8, 8)


def test_bad_films_are_named_and_the_others_go_on(raw, tmp_path):
    (raw / "b.png").write_bytes((raw / "b.png").read_bytes()[:60])
    write_radiograph(str(raw / "c_mask.png"), np.ones((24, 24)), bits=8)
    with pytest.raises(
        ValueError, match=r"2 of 3 films cannot be used, such as 'b' .*max_rejected_fraction is 0.5"
    ):
        write_cache(plan(raw, max_rejected_fraction=0.5), str(tmp_path / "cache"))
    assert not (tmp_path / "cache").exists()
    write_cache(plan(raw, max_rejected_fraction=0.7), str(tmp_path / "cache"))
    cache = read_cache(str(tmp_path / "cache"))
    reasons = cache.rejected.set_index("image_id")["reason"]
    assert cache.index["image_id"].tolist() == ["a"]
    assert "its mask has 24 x 24 pixels, the film 32 x 24" in reasons["c"]
    assert reasons["b"]


def test_a_failed_write_leaves_the_old_cache(raw, tmp_path):
    folder = tmp_path / "cache"
    write_cache(plan(raw), str(folder))

    def broken() -> np.ndarray:
        raise UnreadableRadiograph("d.png", "is broken")

    with pytest.raises(ValueError, match="is broken"):
        write_cache(CachePlan({"d": broken}, preprocess=PARAMS), str(folder))
    assert len(read_cache(str(folder)).index) == 3
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_an_interrupted_write_goes_on_where_it_was(raw, tmp_path, monkeypatch):
    monkeypatch.setattr("xraylab.imaging.cache_parts._PART", 2)
    decoded: list[str] = []

    def film(name: str, value: float, stops: bool = False):
        def load() -> np.ndarray:
            decoded.append(name)
            if stops and decoded.count(name) > 1:  # once for its digest
                raise KeyboardInterrupt
            return np.full((8, 8), value, np.float32)

        return load

    folder = tmp_path / "cache"
    names = "abcde"
    films = {name: film(name, k / 10, name == "e") for k, name in enumerate(names)}
    options = {"preprocess": PARAMS, "workers": 1}
    with pytest.raises(KeyboardInterrupt):
        write_cache(CachePlan(films, **options), str(folder))
    assert not folder.exists()

    decoded.clear()
    films["e"] = film("e", 0.4)
    write_cache(CachePlan(films, **options), str(folder))
    cache = read_cache(str(folder))
    assert [decoded.count(name) for name in names] == [1, 1, 1, 1, 2]  # its digest; and its pixels
    assert cache.index["image_id"].tolist() == list(names)
    assert np.asarray(cache.films[:, 0, 0]).tolist() == [0, 26, 51, 76, 102]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_what_a_file_says_is_kept_beside_its_film(raw, tmp_path):
    def describe(data: bytes, film) -> dict[str, float]:
        return {"file_bytes": float(len(data)), "middle": float(film.pixels[12, 16])}

    folder = str(tmp_path / "cache")
    write_cache(plan(raw, "ab", describe=describe), folder)
    write_cache(plan(raw, "abc", describe=describe), folder)  # two of them are known already
    index = read_cache(folder).index.set_index("image_id")
    for name in "abc":
        assert index.loc[name, "file_bytes"] == (raw / f"{name}.png").stat().st_size
        film = FilmFile(str(raw / f"{name}.png"))()
        assert index.loc[name, "middle"] == pytest.approx(film[12, 16])


def test_films_without_masks_need_no_room_for_them(raw, tmp_path):
    films = {"a": FilmFile(str(raw / "a.png"))}
    write_cache(CachePlan(films, preprocess=PARAMS), str(tmp_path / "cache"))
    assert (tmp_path / "cache" / "masks.u8").stat().st_size == 0
    assert read_cache(str(tmp_path / "cache")).films.shape == (1, 16, 16)


def test_an_unknown_image_is_named(raw, tmp_path):
    write_cache(plan(raw), str(tmp_path / "cache"))
    with pytest.raises(KeyError, match="'z' is not among the cached films"):
        read_cache(str(tmp_path / "cache")).row_of("z")


def test_a_cache_crosses_to_another_process_without_its_arrays(raw, tmp_path):
    import pickle

    write_cache(plan(raw), str(tmp_path / "cache"))
    cache = read_cache(str(tmp_path / "cache"))
    total = int(cache.films.sum())
    assert len(pickle.dumps(cache)) < 20_000
    assert int(pickle.loads(pickle.dumps(cache)).films.sum()) == total  # noqa: S301 - our own bytes


def test_a_plan_may_allow_that_there_is_no_film(tmp_path):
    with pytest.raises(ValueError, match="0 of 0 films cannot be used"):
        write_cache(CachePlan({}, preprocess=PARAMS), str(tmp_path / "cache"))
    write_cache(CachePlan({}, preprocess=PARAMS, allow_empty=True), str(tmp_path / "cache"))
    cache = read_cache(str(tmp_path / "cache"))
    assert cache.films.shape == (0, 16, 16)
    assert cache.hashes.shape == (0, 8, 4)
    assert cache.index.empty
