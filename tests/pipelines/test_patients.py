"""Films of one patient stay together, in every pipeline and on every side that a protocol has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from xraylab.datasets import TableDataset, TableFolderDataset, TextFolderDataset
from xraylab.evaluation.leakage import find_leaks
from xraylab.flow.params import SitedCohortParams
from xraylab.flow.split import GroupsSplit, OfficialSplit
from xraylab.imaging import FilmFile
from xraylab.imaging.array_cache import ArrayCache, CachePlan, read_cache, write_cache
from xraylab.imaging.preprocess import PreprocessParams
from xraylab.phantoms.registry import write_phantom
from xraylab.pipelines.bone_age import cohort as bone_age
from xraylab.pipelines.bone_age import params as bone_age_params
from xraylab.pipelines.dose_simulation import nodes as dose
from xraylab.pipelines.dose_simulation.params import DoseSimulationParams
from xraylab.pipelines.fracture import cohort as fracture
from xraylab.pipelines.fracture import params as fracture_params
from xraylab.pipelines.lesion_regression import cohort as lesion
from xraylab.pipelines.lesion_regression import params as lesion_params
from xraylab.pipelines.lesion_regression.rows import index_table
from xraylab.pipelines.lung_segmentation import cohort as lung
from xraylab.pipelines.lung_segmentation import params as lung_params
from xraylab.pipelines.tb_classification import cohort as tb
from xraylab.pipelines.tb_classification import params as tb_params

SIZE = 32
SMALL = PreprocessParams(size_px=SIZE, equalise="none")
SITES = {"MCUCXR": "montgomery", "CHNCXR": "shenzhen"}
READINGS = {
    "MCUCXR_0113_1": "Patient's Sex: F \nPatient's Age: 084Y\nscar on the right",
    "MCUCXR_0117_1": "Patient's Sex: F \nPatient's Age: 085Y\nas half a year ago (same pt as MCUCXR_0113_1)",
    "MCUCXR_0120_1": "Patient's Sex: F \nPatient's Age: 085Y\nsame patient as 0117",
    "MCUCXR_0162_1": "Patient's Sex: M \nPatient's Age: 049Y\ncavity on the left",
    "MCUCXR_0166_1": "Patient's Sex: M \nPatient's Age: 049Y\nNO REPORT (same pt as MCUCXR_0162_1)",
    "MCUCXR_0170_1": "Patient's Sex: M \nPatient's Age: 049Y\nsmaller than 1M and 2M ago",
    "CHNCXR_0001_1": "male 42\nnormal",
}
TOGETHER = [
    ["MCUCXR_0113_1", "MCUCXR_0117_1", "MCUCXR_0120_1"],
    ["MCUCXR_0162_1", "MCUCXR_0166_1", "MCUCXR_0170_1"],
]
LISTED = (("MCUCXR_0162_1", "MCUCXR_0170_1"),)
MONTGOMERY = [*READINGS, *(f"{site}_{n:04}_{n % 2}" for site in SITES for n in range(2, 22))]
SEEDS = range(5)


@dataclass(frozen=True)
class Noise:
    """A film that looks like no other, at a path."""

    seed: int
    path: str = ""

    def __call__(self) -> np.ndarray:
        return np.random.default_rng(self.seed).random((SIZE, SIZE), np.float32)


def lungs(size: int = SIZE) -> np.ndarray:
    mask = np.zeros((size, size), np.float32)
    mask[size // 4 : -size // 4, size // 8 : -size // 8] = 1
    return mask


def cache(
    films: Mapping[str, Callable[[], np.ndarray]], folder: Path, masks: bool = False
) -> ArrayCache:
    known = {name: [partial(lungs, len(film()))] for name, film in films.items()} if masks else {}
    write_cache(CachePlan(films, known, preprocess=SMALL, workers=1), str(folder))
    return read_cache(str(folder))


def named(names: list[str]) -> dict[str, Noise]:
    return {name: Noise(seed) for seed, name in enumerate(names)}


def check_groups(cohort: pd.DataFrame, together: list[list[str]]) -> None:
    """Each list is one group, and every other film is one of its own."""
    groups = cohort.set_index("image_id")["group_id"]
    for ids in together:
        assert len(set(groups[ids])) == 1, ids
    n_joined = sum(len(ids) - 1 for ids in together)
    assert groups.nunique() == len(groups) - n_joined


def check_sides(cohort: pd.DataFrame) -> None:
    """No group stands on two sides in any training."""
    keys = [name for name in ("arm", "fold") if name in cohort]
    for _, arm in cohort[cohort["split"] != ""].groupby(keys):
        assert arm.groupby("group_id")["split"].nunique().max() == 1
        assert find_leaks(arm[["image_id", "group_id", "split"]]).empty


@pytest.mark.parametrize("split", ["groups", "sites"])
def test_montgomery_patients_stay_together_in_tb_classification(tmp_path: Path, split: str) -> None:
    arrays = cache(named(MONTGOMERY), tmp_path / "arrays", masks=True)
    params = tb_params.TbCohortParams(
        sites=SITES, preprocess=SMALL, workers=1, same_patients=LISTED
    )
    none = pd.DataFrame({"image_id": [], "source": [], "mask_digest": []}, dtype="str")
    cohort, _ = tb.index_cohort(arrays, none, READINGS, params)
    check_groups(cohort, TOGETHER)
    models = {"mlp": tb_params.MlpModel(encoder="a")}
    for seed in SEEDS:
        protocol = tb_params.ProtocolParams(
            split={
                "kind": split,
                "val_fraction": 0.25,
                "test_fraction": 0.34,
                **({"n_folds": 3} if split == "groups" else {}),
            },
            seed=seed,
            models=models,
        )
        check_sides(tb.split_cohort(cohort, protocol)[0])
    told = cohort.set_index("image_id")
    assert told.loc["MCUCXR_0117_1", ["sex", "age_years"]].tolist() == ["F", 85]
    assert told.loc["CHNCXR_0001_1", "reading_note"] == "its age '42' has no unit"
    assert set(told.loc[~told.index.isin(list(READINGS)), "reading_note"]) == {""}


@pytest.mark.parametrize("split", ["groups", "sites"])
def test_montgomery_patients_stay_together_in_lung_segmentation(tmp_path: Path, split: str) -> None:
    arrays = cache(named(MONTGOMERY), tmp_path / "arrays", masks=True)
    params = SitedCohortParams(sites=SITES, preprocess=SMALL, workers=1, same_patients=LISTED)
    cohort, _ = lung.index_cohort(arrays, READINGS, params)
    check_groups(cohort, TOGETHER)
    models = {"unet": lung_params.SegmentationModel()}
    for seed in SEEDS:
        protocol = lung_params.ProtocolParams(
            split={"kind": split, "val_fraction": 0.3, "test_fraction": 0.3},
            seed=seed,
            models=models,
        )
        check_sides(lung.split_cohort(cohort, protocol)[0])


def test_without_readings_each_film_is_its_own_group(tmp_path: Path) -> None:
    arrays = cache(named(MONTGOMERY), tmp_path / "arrays", masks=True)
    cohort, _ = lung.index_cohort(arrays, {}, SitedCohortParams(preprocess=SMALL))
    check_groups(cohort, [])


def in_folders(n: int, root: str = "/raw/set") -> dict[str, Noise]:
    """Two films of each patient, in a folder of the patient's."""
    return {
        str(number): Noise(number, f"{root}/p{number // 2}/{number}.png") for number in range(n)
    }


def pairs(n: int) -> list[list[str]]:
    return [[str(number), str(number + 1)] for number in range(0, n, 2)]


def test_a_folder_per_patient_is_a_group_in_bone_age(tmp_path: Path) -> None:
    n = 60
    arrays = cache(in_folders(n), tmp_path / "arrays")
    ids = [str(number) for number in range(n)]
    labels = pd.DataFrame({"image_id": ids, "target": 60.0, "sex": "M", "official_split": "train"})
    plain = bone_age_params.AgeCohortParams(preprocess=SMALL, max_hash_distance=0)
    check_groups(bone_age.index_cohort(arrays, labels, plain)[0], [])
    params = plain.model_copy(update={"patient_folder": 1})
    cohort, _ = bone_age.index_cohort(arrays, labels, params)
    check_groups(cohort, pairs(n))
    protocol = bone_age_params.ProtocolParams(
        split=GroupsSplit(val_fraction=0.25), n_folds=3, models={"m": bone_age_params.AgeModel()}
    )
    check_sides(bone_age.split_cohort(cohort, protocol)[0])


def test_a_dicom_patient_is_a_group_in_bone_age(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    arrays = cache(named([str(number) for number in range(6)]), tmp_path / "arrays")
    labels = pd.DataFrame(
        {"image_id": list("012345"), "target": 60.0, "sex": "M", "official_split": "train"}
    )
    params = bone_age_params.AgeCohortParams(preprocess=SMALL, max_hash_distance=0)

    def index(patients: list[str]) -> pd.DataFrame:
        known = replace(arrays, index=arrays.index.assign(patient_id=patients))
        return bone_age.index_cohort(known, labels, params)[0]

    check_groups(index(["a", "b", "a", "", "", "b"]), [["0", "2"], ["1", "5"]])
    check_groups(index(["0"] * 6), [])
    assert "The PatientID of all 6 films is one and the same" in caplog.text


def test_patients_of_dicom_files_are_groups_from_the_file_to_the_cohort(tmp_path: Path) -> None:
    from pydicom import dcmread
    from pydicom.data import get_testdata_file

    films = {}
    for number, patient in enumerate(["Meier", "Meier ", "", "Huber", "Meier"]):
        film = dcmread(get_testdata_file("CT_small.dcm"))
        film.PatientID = patient
        noise = np.random.default_rng(number).integers(0, 2000, film.pixel_array.shape)
        film.PixelData = noise.astype(np.int16).tobytes()
        path = tmp_path / f"MCUCXR_{number:04}_1.dcm"
        film.save_as(path)
        films[path.stem] = FilmFile(str(path))
    arrays = cache(films, tmp_path / "arrays", masks=True)
    cohort, _ = lung.index_cohort(arrays, {}, SitedCohortParams(preprocess=SMALL))
    check_groups(cohort, [["MCUCXR_0000_1", "MCUCXR_0001_1", "MCUCXR_0004_1"]])


def test_a_dicom_patient_is_a_group_in_fracture(tmp_path: Path) -> None:
    films = {
        f"{part}/{label}/{part}{number}.png": Noise(hash_of(part, label, number))
        for part in ("train", "val", "test")
        for label in ("fractured", "normal")
        for number in range(6)
    }
    arrays = cache(films, tmp_path / "arrays")
    # the patients of each class are numbered through: three films of each, one per folder
    ids = arrays.index["image_id"].str
    patients = ids.split("/").str[1] + ids.extract(r"(\d)\.", expand=False)
    params = fracture_params.FractureCohortParams(
        splits={"train": "train", "val": "val", "test": "test"}, classes={"fractured": 1, "normal": 0},
        preprocess=SMALL, workers=1,
    )  # fmt: skip
    known = replace(arrays, index=arrays.index.assign(patient_id=patients))
    cohort, _, _ = fracture.index_cohort(known, params)
    assert cohort["group_id"].nunique() == 12
    protocol = fracture_params.ProtocolParams(
        split=GroupsSplit(n_folds=3, val_fraction=0.34),
        models={"m": fracture_params.FractureModel()},
    )
    check_sides(fracture.split_cohort(cohort, protocol)[0])
    official = protocol.model_copy(update={"split": OfficialSplit()})
    _, leaks = fracture.split_cohort(cohort, official)
    assert (leaks["kind"] == "same_group").sum() == 12 * 3  # every patient, each pair of parts


def hash_of(*words: object) -> int:
    return (
        sum(ord(letter) * 31**place for place, letter in enumerate("".join(map(str, words))))
        % 2**32
    )


def nih_tables(
    names: list[str], other: dict[str, int] | None = None
) -> dict[str, Callable[[], pd.DataFrame]]:
    rows = {
        "Image Index": [f"{name}.png" for name in names], "Patient ID": [n // 2 for n in range(len(names))],
        "Patient Age": ["058Y", "411", *["30"] * (len(names) - 2)], "Patient Gender": "F", "View Position": "PA",
        "Follow-up #": 0,
    }  # fmt: skip
    table = pd.DataFrame(rows)
    second = table.assign(
        **{"Patient ID": table["Patient ID"] if other is None else list(other.values())}
    )
    boxes = table[["Image Index"]].assign(
        **{"Finding Label": "Pneumonia", "Bbox [x": "4", "y": "4", "w": "8", "h]": "8"}
    )
    return {
        "Data_Entry_2017": table.copy,
        "Data_Entry_2017_v2020": second.copy,
        "BBox_List_2017": boxes.copy,
    }


def test_both_nih_tables_in_both_pipelines_that_read_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    names = [f"0000000{n // 2}_00{n % 2}" for n in range(8)]
    films, tables = named(names), nih_tables(names)
    cohort, rejected = dose.index_cohort(films, tables, DoseSimulationParams())
    assert cohort["group_id"].tolist() == ["0", "0", "1", "1", "2", "2", "3", "3"]
    assert rejected.empty
    params = lesion_params.LesionCohortParams(
        box_frame_px=(SIZE, SIZE), preprocess=SMALL, workers=1
    )
    there = {f"nih_chest_xray14/{name}": load for name, load in tables.items()}
    entries, boxes = lesion.read_tables(there, params)
    plan = lesion.cache_films(films, {}, {}, boxes, params)
    write_cache(plan, str(tmp_path / "arrays"))
    found, _ = lesion.index_cohort(read_cache(str(tmp_path / "arrays")), boxes, entries, params)
    assert found["group_id"].tolist() == [f"nih_chest_xray14/{n // 2}" for n in range(8)]
    assert found["age"].fillna(-1).tolist() == [58, -1, 30, 30, 30, 30, 30, 30]
    assert found["reading_note"].tolist() == ["", "its age '411' is more than 120 years", *[""] * 6]
    assert caplog.text.count("'Data_Entry_2017' is read") == 1
    assert caplog.text.count("'nih_chest_xray14/Data_Entry_2017' is read") == 1
    assert (
        "The rows of nih_chest_xray14/Data_Entry_2017.csv of 1 of 8 films cannot be read in full"
        in caplog.text
    )


def test_two_patients_of_a_table_with_one_dicom_patient_are_one_in_lesion_regression(
    tmp_path: Path,
) -> None:
    names = [f"film_{n}" for n in range(6)]
    params = lesion_params.LesionCohortParams(
        box_frame_px=(SIZE, SIZE), preprocess=SMALL, workers=1
    )
    there = {f"nih_chest_xray14/{name}": load for name, load in nih_tables(names).items()}
    entries, boxes = lesion.read_tables(there, params)
    plan = lesion.cache_films(named(names), {}, {}, boxes, params)
    write_cache(plan, str(tmp_path / "arrays"))
    arrays = read_cache(str(tmp_path / "arrays"))
    known = replace(arrays, index=arrays.index.assign(patient_id=["", "x", "x", "", "", ""]))
    cohort, _ = lesion.index_cohort(known, boxes, entries, params)
    first, last = "nih_chest_xray14/0", "nih_chest_xray14/2"
    assert cohort["group_id"].tolist() == [first] * 4 + [last] * 2


def test_the_demo_table_is_numbers_whatever_it_is_exported_with(tmp_path: Path) -> None:
    write_phantom("seed_lesion_results", tmp_path / "set", {"n_images": 5})
    path = tmp_path / "set/features_and_target.csv"
    plain = TableDataset(filepath=str(path)).load()
    params = lesion_params.TableParams()
    cohort, _ = index_table(plain, params)
    assert cohort["age"].tolist() == pd.read_csv(path)["PatientAge"].tolist()
    german = "\r\n".join(path.read_text().replace(",", ";").replace(".", ",").split("\n"))
    path.write_bytes(german.encode("utf-16"))
    again, _ = index_table(TableDataset(filepath=str(path)).load(), params)
    pd.testing.assert_frame_equal(again, cohort)


def test_nih_tables_that_disagree_stop_both_pipelines() -> None:
    names = ["a", "b"]
    tables = nih_tables(names, {"a": 5, "b": 6})
    with pytest.raises(
        ValueError, match=r"Data_Entry_2017.csv and Data_Entry_2017_v2020.csv disagree"
    ):
        dose.index_cohort(named(names), tables, DoseSimulationParams())
    there = {f"nih_chest_xray14/{name}": load for name, load in tables.items()}
    with pytest.raises(
        ValueError, match=r"Data_Entry_2017.csv and .*Data_Entry_2017_v2020.csv disagree"
    ):
        lesion.read_tables(there, lesion_params.LesionCohortParams())


def put_hand(folder: Path, table: str = "id,sex\n3153,M\n") -> None:
    folder.mkdir(parents=True)
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "3153.png")
    (folder / "sex.csv").write_text(table)


SIDE = bytes.fromhex("0005160700020000") + b"Mac OS X        " + b"\0\2\xff\xfe\x80" * 20


@pytest.mark.parametrize(
    "kind", ["appledouble", "macosx", "latin1", "ragged", "workbook", "semicolon", "utf16"]
)
def test_a_table_that_cannot_be_read_does_not_stop_a_prediction(
    tmp_path: Path, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "hands [new]"
    put_hand(folder)
    if kind == "appledouble":
        (folder / "._sex.csv").write_bytes(SIDE)
    elif kind == "macosx":
        (folder / "__MACOSX").mkdir()
        (folder / "__MACOSX/._sex.csv").write_bytes(SIDE)
    elif kind == "latin1":
        (folder / "sex.csv").write_bytes("id,sex,note\n3153,M,unauffällig\n".encode("latin-1"))
    elif kind == "ragged":
        (folder / "worklist.csv").write_text("exported today\nid,film,remark\n1,a,b,c\n")
    elif kind == "workbook":
        (folder / "worklist.xlsx").write_bytes(b"PK\x03\x04")
    elif kind == "semicolon":
        (folder / "sex.csv").write_bytes(b"\xef\xbb\xbf;ID ; Sex\r\n0;3153.0;male\r\n\r\n")
    else:
        (folder / "sex.csv").write_bytes("Image ID\tSex\r3153.dcm\tM\r".encode("utf-16"))
    tables = TableFolderDataset(path=str(folder)).load()
    assert bone_age.read_sexes(["3153"], tables, bone_age_params.AgeCohortParams()) == {"3153": "M"}
    assert ("Passed over: the table" in caplog.text) is (kind in ("ragged", "workbook"))


def test_the_sex_of_a_film_is_that_of_its_own_row(caplog: pytest.LogCaptureFixture) -> None:
    params = bone_age_params.AgeCohortParams()
    films = ["patientA/1", "patientB/1", "patientC/2", "3", "4"]
    tables = {
        "sex": partial(
            pd.DataFrame,
            {"id": ["patientA/1.png", "patientB/1.png", "2", "3", "4"], "Sex": list("MFMOF")},
        ),
        "other": partial(pd.DataFrame, {"id": ["4"], "Sex": ["M"]}),
    }
    assert bone_age.read_sexes(films, tables, params) == {
        "patientA/1": "M",
        "patientB/1": "F",
        "patientC/2": "M",
    }
    assert "The sexes of 2 of 5 films cannot be read in full" in caplog.text
    assert (
        "'3': its sex 'O' in 'sex' can be neither M nor F; '4': tables differ about its sex"
        in caplog.text
    )
    bare = {"sex": partial(pd.DataFrame, {"id": ["1"], "Sex": ["M"]})}
    assert bone_age.read_sexes(films, bare, params) == {}


def test_labels_are_joined_by_path_where_names_repeat() -> None:
    params = bone_age_params.AgeCohortParams()
    table = pd.DataFrame(
        {
            "id": ["patientA/1.png", "patientB/1.png", "2.dcm"],
            "boneage": ["36", "120,5", "60"],
            "male": ["True"] * 3,
        }
    )
    labels, bad = bone_age.read_labels({"train": table.copy}, params)
    films = {
        f"hands/{name}": Noise(0)
        for name in ("patientA/1", "patientB/1", "patientB/2", "patientC/1")
    }
    plan = bone_age.cache_films(films, labels, bad, params)
    assert set(plan.films) == {"patientA/1", "patientB/1", "2"}
    assert plan.films["patientB/1"] is films["hands/patientB/1"]
    assert labels.set_index("image_id")["target"].to_dict() == {
        "patientA/1": 36,
        "patientB/1": 120.5,
        "2": 60,
    }
    assert plan.rejected == {"hands/patientC/1": "has no label"}


def test_readings_under_a_root_with_brackets_give_sex_and_age(tmp_path: Path) -> None:
    root = tmp_path / "xray [2024]" / "montgomery_shenzhen"
    (root / "ClinicalReadings").mkdir(parents=True)
    names = [f"{'CHNCXR' if n % 2 else 'MCUCXR'}_{n:04}_{n % 4 // 2}" for n in range(4)]
    for name in names:
        (root / "ClinicalReadings" / f"{name}.txt").write_text("male 45yrs\nnormal\n")
    texts = TextFolderDataset(path=str(root), folders=["ClinicalReadings"]).load()
    arrays = cache(named(names), tmp_path / "arrays", masks=True)
    none = pd.DataFrame({"image_id": [], "source": [], "mask_digest": []}, dtype="str")
    cohort, _ = tb.index_cohort(
        arrays, none, texts, tb_params.TbCohortParams(preprocess=SMALL, workers=1)
    )
    assert cohort["sex"].tolist() == ["M"] * 4
    assert cohort["age_years"].tolist() == [45] * 4
