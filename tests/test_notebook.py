"""The notebook runs from its first cell to its last, and is stored without what it printed."""

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "quickstart.ipynb"


def test_it_is_stored_without_results():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells and not any(cell.outputs or cell.execution_count for cell in cells)
    assert cells[0].source.startswith("# %pip install") and "fer_hub[train]" in cells[0].source
    assert "Colab" in notebook.cells[0].source


@pytest.mark.slow
def test_it_runs(tmp_path, monkeypatch):
    """In a kernel of its own, in an empty folder, without a network for the Hub's files."""
    home = os.environ.get("PYTHONPATH", "")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(NOTEBOOK.parents[1]), *filter(None, [home])]))
    for name, value in (("HF_HUB_OFFLINE", "1"), ("TMPDIR", str(tmp_path)), ("HF_HOME", str(tmp_path / "hf")),
                        ("IPYTHONDIR", str(tmp_path / "ipython")), ("JUPYTER_RUNTIME_DIR", str(tmp_path))):  # fmt: skip
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(tmp_path)}}).execute()
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    printed = ["".join(output.get("text", "") for output in cell.outputs) for cell in code]
    together = "\n".join(printed)
    assert " happy {'neutral'" in printed[1] and "a_group.jpg" in printed[2]
    assert any("image/png" in output.get("data", {}) for cell in code for output in cell.outputs)
    assert "model.safetensors" in printed[5] and "'smiling':" in printed[5]
    assert "owner/name" in printed[6] and "model.safetensors" in printed[6]
    assert "Traceback" not in together
