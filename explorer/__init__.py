"""Gate explorer: what the gates of a small recurrent network do, step by step, and where its gradient goes.

Dimension key, used as suffixes of tensor names in the order of the axes:
T time, B batch, E input, H hidden, V vocabulary, D direction, G stacked gate rows, L layer, N all characters of a text.
"""

from importlib import import_module as _import_module
from types import ModuleType as _ModuleType

from explorer.attaching import GateProbe, LoopDiagnosis, from_torch
from explorer.batches import Cut
from explorer.checkpoints import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from explorer.corpora import load_corpus
from explorer.importing import Imported, ImportRefusedError, import_model
from explorer.interventions import HeldUnit, Intervention, altered
from explorer.models import CharModel, ConfigError, ModelConfig, ModelDivergedError
from explorer.probes.ablation import Ablation, ablate
from explorer.probes.brush import OnUnits, units_on
from explorer.probes.cell import CellChange, OpenedCell, open_cell
from explorer.probes.clipping import ClipLedger, clip_ledger
from explorer.probes.diagnosis import Diagnosis, diagnose
from explorer.probes.eigenvalues import Eigenvalues, eigenvalues
from explorer.probes.finding import Finding
from explorer.probes.gates import GateTrace, trace_gates
from explorer.probes.gradients import GradientFlow, gradient_flow
from explorer.probes.jacobians import JacobianPaths, jacobian_paths, lyapunov_exponents
from explorer.probes.perplexity import perplexity_by_epoch, score_text
from explorer.probes.places import SameWord, same_word
from explorer.probes.series import SeriesTrace, trace_series
from explorer.probes.units import Role, UnitRoles, unit_roles
from explorer.probes.weights import weight_gradient_steps
from explorer.probes.writing import Writing, write_on
from explorer.reads.series import SeriesRead
from explorer.recording import EpochRecord, Recording
from explorer.text import EncodingError, TextError, Vocabulary
from explorer.training import RECIPES, Recipe, StepRecord, TrainingDivergedError, train

__all__ = [
    "RECIPES",
    "Ablation",
    "CellChange",
    "CharModel",
    "Checkpoint",
    "CheckpointError",
    "ClipLedger",
    "ConfigError",
    "Cut",
    "Diagnosis",
    "Eigenvalues",
    "EncodingError",
    "EpochRecord",
    "Finding",
    "GateProbe",
    "GateTrace",
    "GradientFlow",
    "HeldUnit",
    "ImportRefusedError",
    "Imported",
    "Intervention",
    "JacobianPaths",
    "LoopDiagnosis",
    "ModelConfig",
    "ModelDivergedError",
    "OnUnits",
    "OpenedCell",
    "Recipe",
    "Recording",
    "Role",
    "SameWord",
    "SeriesRead",
    "SeriesTrace",
    "StepRecord",
    "TextError",
    "TrainingDivergedError",
    "UnitRoles",
    "Vocabulary",
    "Writing",
    "ablate",
    "altered",
    "clip_ledger",
    "diagnose",
    "eigenvalues",
    "from_torch",
    "gradient_flow",
    "import_model",
    "jacobian_paths",
    "load_checkpoint",
    "load_corpus",
    "lyapunov_exponents",
    "open_cell",
    "perplexity_by_epoch",
    "same_word",
    "save_checkpoint",
    "score_text",
    "trace_gates",
    "trace_series",
    "train",
    "unit_roles",
    "units_on",
    "weight_gradient_steps",
    "write_on",
]


def __getattr__(name: str) -> _ModuleType:
    # plotly is imported when the first figure is wanted: a training process never draws.
    if name == "figures":
        return _import_module("explorer.figures")
    raise AttributeError(f"module 'explorer' has no attribute {name!r}")
