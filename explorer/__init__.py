"""Gate explorer: what the gates of a small recurrent network do, step by step, and where its gradient goes.

Dimension key, used as suffixes of tensor names in the order of the axes:
T time, B batch, E input, H hidden, V vocabulary, D direction, G stacked gate rows, L layer, N all characters of a text.
"""

from explorer.checkpoints import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from explorer.corpora import load_corpus
from explorer.models import CharModel, ConfigError, ModelConfig
from explorer.recording import EpochRecord, Recording
from explorer.text import TextError, Vocabulary
from explorer.training import RECIPES, Recipe, StepRecord, TrainingDivergedError, train

__all__ = [
    "RECIPES",
    "CharModel",
    "Checkpoint",
    "CheckpointError",
    "ConfigError",
    "EpochRecord",
    "ModelConfig",
    "Recipe",
    "Recording",
    "StepRecord",
    "TextError",
    "TrainingDivergedError",
    "Vocabulary",
    "load_checkpoint",
    "load_corpus",
    "save_checkpoint",
    "train",
]
