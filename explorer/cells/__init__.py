"""The recurrent cells, one a file: `CELLS` lists them, and nothing outside this folder asks for one by its name."""

from explorer.cells.base import Cell, CellWeights, Gate, State, input_projection
from explorer.cells.gru import GRU
from explorer.cells.lstm import LSTM
from explorer.cells.mingru import MinGRU
from explorer.cells.rnn import RNN

__all__ = ["CELLS", "Cell", "CellWeights", "Gate", "State", "gate_titles", "input_projection"]

CELLS: dict[str, Cell] = {cell.key: cell for cell in (RNN(), GRU(), LSTM(), MinGRU())}


def gate_titles() -> dict[str, str]:
    """The titles of the gates of all cells, by letter: cells that share a letter have the same gate in mind."""
    return {gate.letter: gate.title for cell in reversed(CELLS.values()) for gate in reversed(cell.gates)}
