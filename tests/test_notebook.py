"""The notebook in examples/: its cells run, one after the other, and its numbers agree with torch's."""

import json
from pathlib import Path

import explorer

NOTEBOOK = Path(explorer.__file__).parents[1] / "examples" / "from_import_to_diagnosis.ipynb"


def test_every_cell_runs_and_two_ways_give_one_number(capsys):
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    assert len(code) > 8
    names = {}
    for source in code:
        exec(compile(source, str(NOTEBOOK), "exec"), names)
    assert abs(names["ours"] - names["torchs"]) < 1e-5
    assert names["reach"][0] is None or names["reach"][0] > names["reach"][1]
    assert "Healthy" in capsys.readouterr().out


def test_it_is_saved_with_what_its_cells_gave():
    cells = json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
    shown = [cell for cell in cells if cell["cell_type"] == "code" and cell["outputs"]]
    assert len(shown) > 8
    assert sum("plotly" in json.dumps(cell["outputs"]) for cell in shown) == 2  # the gates, the flow
