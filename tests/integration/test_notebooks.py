"""The notebooks run from top to bottom on what the default run wrote; each answers its question and shows figures."""

from pathlib import Path
from typing import Any

import nbformat
import pytest

PROJECT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((PROJECT / "notebooks").glob("*.ipynb"))


def test_every_pipeline_has_a_notebook_that_asks_a_question() -> None:
    pipelines = {path.parent.name for path in PROJECT.glob("src/xraylab/pipelines/*/pipeline.py")}
    assert {path.stem for path in NOTEBOOKS} == pipelines - {"reporting"}
    for path in NOTEBOOKS:
        cells = nbformat.read(path, as_version=4).cells
        title, empty, about = cells[0].source.partition("\n\n")
        assert title.startswith("# ") and title.endswith("?"), path.name  # noqa: PT018
        assert empty and f"`kedro run --pipelines={path.stem}`" in about, path.name  # noqa: PT018
        assert cells[-2].source == "## Answer", path.name
        assert not any(cell.get("outputs") for cell in cells), f"{path.name} stores outputs"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_shows_figures_and_answers(
    path: Path, finished_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEDRO_ENV", "test")
    monkeypatch.delenv("XRAYLAB_RAW", raising=False)
    outputs = _execute(path, finished_run)
    written = [output for output in outputs if output.output_type == "stream"]
    assert not written, f"warnings or prints: {written}"
    shown = [output.data for output in outputs]
    assert any("image/png" in data for data in shown)
    assert not any("<Figure" in data.get("text/plain", "") for data in shown if len(data) == 1)
    answer = shown[-1].get("text/markdown", "")
    assert len(answer.split()) > 20
    assert "nan" not in answer


def _execute(path: Path, folder: Path) -> list[Any]:
    """Run a notebook in a folder; return the outputs of its cells."""
    from nbclient import NotebookClient

    notebook = nbformat.read(path, as_version=4)
    resources = {"metadata": {"path": str(folder)}}
    NotebookClient(notebook, resources=resources, timeout=600).execute()
    return [output for cell in notebook.cells for output in cell.get("outputs", [])]
