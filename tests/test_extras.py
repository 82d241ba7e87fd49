"""What a person who only predicts has installed is enough to predict; what is missing is named."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from xraylab.extras import EXTRAS, require, say_missing
from xraylab.messages import explain

PROJECT = Path(__file__).resolve().parents[1]

WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Present(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        absent = name.partition(".")[0] in {absent!r}
        return None if absent else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Present
"""

PREDICT = """
import numpy as np
from kedro.framework.project import configure_project, pipelines

configure_project("xraylab")
assert {"fracture", "bone_age", "tb_classification", "lung_segmentation"} <= set(pipelines)

from xraylab.models.classifiers import ClassifierParams, build_classifier, restore_classifier
from xraylab.models.networks import NetworkParams, build_network, describe_network, restore_network
from xraylab.training.predict import predict_probabilities
from xraylab.training.saliency import grad_cam

films = np.zeros((2, 64, 64), np.uint8)
encoder = {"encoder": "timm-tf_efficientnet_lite0", "encoder_weights": "imagenet"}  # packaged weights
for params in (NetworkParams(widths=(4, 8)), NetworkParams(**encoder)):
    state = describe_network(build_network(params, 0), {"network": params.model_dump()})
    print(predict_probabilities(restore_network(state), films).shape)
params = ClassifierParams(widths=(4, 8))
card = {"network": params.model_dump(), "size_px": 64}
network = restore_classifier(describe_network(build_classifier(params, 0, 64), card))
print(predict_probabilities(network, films).shape, grad_cam(network, films, batch_size=2).shape)
"""

TRAIN = """
from xraylab.messages import explain
from xraylab.tabular.boosting import LIBRARIES

for library in ("lightgbm", "xgboost"):
    try:
        LIBRARIES[library].load("{}")
    except ModuleNotFoundError as error:
        print(error)
try:
    import xraylab.training.fit
except ModuleNotFoundError as error:
    print(explain(error))
"""


def _run_without_extras(code: str) -> list[str]:
    """Run code where nothing of any extra can be imported; return the lines that it prints."""
    absent = {module for modules in EXTRAS.values() for module in modules}
    ran = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(absent=absent) + code],
        cwd=PROJECT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stderr[-4000:]
    return ran.stdout.splitlines()


def test_networks_predict_without_any_extra() -> None:
    printed = _run_without_extras(PREDICT)
    assert printed[-3:] == ["(2, 64, 64)", "(2, 64, 64)", "(2,) (2, 64, 64)"]


def test_what_is_missing_is_named_with_its_extra() -> None:
    brought = {"lightgbm": "boosting", "xgboost": "boosting", "lightning": "train"}
    assert _run_without_extras(TRAIN)[-3:] == [
        f"this needs '{name}', which is not installed: pip install 'xraylab[{extra}]' "
        f"(in a checkout: pip install '.[{extra}]')"
        for name, extra in brought.items()
    ]


def test_the_extras_are_those_of_the_package() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    declared = project["optional-dependencies"]
    for extra, modules in EXTRAS.items():
        brought = {
            module
            for requirement in declared[extra]
            for module in re.findall(
                r"[a-z_]\w+", re.sub(r"[<>=~].*", "", requirement).replace("-", "_")
            )
        }
        if "xraylab" in brought:  # a requirement of another extra
            brought -= {"xraylab", *EXTRAS}
        assert brought - {"binary"} <= set(modules), extra
    core = {re.match(r"[\w-]+", each)[0].replace("-", "_") for each in project["dependencies"]}  # type: ignore[index]
    assert not core & {module for modules in EXTRAS.values() for module in modules}
    brought = set(re.findall(r"\w+", declared["all"][0])) | {"boosting"}  # train brings it
    assert brought - {"xraylab"} == EXTRAS.keys() - {"mlflow"}


def test_another_error_is_not_taken_for_a_missing_extra() -> None:
    assert say_missing(ValueError("x")) == ""
    assert say_missing(ModuleNotFoundError("No module named 'nothing'", name="nothing")) == ""
    with pytest.raises(ModuleNotFoundError, match="No module named 'no_such_module'"):
        require("no_such_module")


def test_a_run_says_it_in_one_line() -> None:
    said = explain(ModuleNotFoundError("No module named 'optuna.study'", name="optuna.study"))
    assert said.startswith("this needs 'optuna', which is not installed")
    assert "\n" not in said
