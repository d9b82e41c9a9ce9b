"""The notebook runs from top to bottom."""

import nbclient
import nbformat
import pytest

from tests import processes

pytestmark = pytest.mark.slow

NOTEBOOK = processes.ROOT / "examples" / "cartpole.ipynb"


def outputs(notebook, kind):
    return [
        output
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if kind in output.get("data", {})
    ]


def printed(notebook):
    return "".join(
        output.text
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if output.output_type == "stream" and output.name == "stdout"
    )


def test_notebook_runs_and_shows_pictures_and_a_film(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(processes.ROOT))
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = []
    client = nbclient.NotebookClient(
        notebook,
        # Of a cell, of a kernel to start, and of what it prints to come.
        timeout=processes.PATIENCE,
        startup_timeout=processes.PATIENCE,
        iopub_timeout=processes.PATIENCE,
        kernel_name="python3",
        resources={"metadata": {"path": str(tmp_path)}},
    )
    # A cell that fails is raised.
    client.execute()
    assert len(outputs(notebook, "image/png")) == 2
    assert len(outputs(notebook, "image/gif")) == 1
    assert "Greedy return over 100 episodes: " in printed(notebook)
    # The table, and the line below it that is written over.
    assert "  epoch  return    best  greedy " in printed(notebook)
    assert "\repoch 1/60  compiling ... " in printed(notebook)


def test_committed_outputs_are_of_a_run_and_small():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    numbers = [
        cell.execution_count
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]
    assert numbers == [*range(1, len(numbers) + 1)]
    assert len(outputs(notebook, "image/png")) == 2
    assert len(outputs(notebook, "image/gif")) == 1
    assert NOTEBOOK.stat().st_size < 300_000
