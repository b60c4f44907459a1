"""The shorter second pass: each challenge, profile smoke, on the real data, where BUMBLEBEE_DATA gives it."""

import re

import pytest
from course import CHALLENGES, name_of, run

from shared.lab.publish import read_notebook


@pytest.mark.parametrize("path", CHALLENGES, ids=name_of)
def test_challenge_runs_on_real_data(path, tmp_path, real_data):
    notebook = read_notebook(path)
    run(notebook, path.parent, tmp_path, BUMBLEBEE_DATA=str(real_data))
    printed = "".join(
        output.get("text", "")
        for cell in notebook.cells
        if cell.cell_type == "code"
        for output in cell.outputs
        if output.output_type == "stream"
    )
    # Week 3's table ships with scikit-learn and is as real; a stand-in would say so here.
    assert re.search(r"· real, (from BUMBLEBEE_DATA|shipped with)", printed), printed[:2000]
