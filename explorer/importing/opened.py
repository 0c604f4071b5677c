"""What an import is made of: the named arrays of a file, what is said of them, and how a file is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from explorer.words import Saying, Told

Array = NDArray[Any]

MAX_FILE_BYTES = 300_000_000  # a 3 x 512 LSTM in float64 with both averages of Adam has 130 MB
MAX_NUMBERS = 20_000_000  # in all arrays of a file that are looked at
MAX_TENSORS = 4_096
MAX_NAME = 200


class ImportRefusedError(Told, ValueError):
    """A file or a state_dict that cannot become one of our models; says what was expected, what came and what decides.

    Attributes:
        code: of its sentence in explorer/words/, such as "import.which-layers".
        figures: that stand in the sentence, by name.
        candidates: names of tensors (or of layers, or of values) between which an argument decides; may be empty.
        argument: the argument of import_model that decides, or None where none does.

    """

    def __init__(self, code: str, /, **figures: Any) -> None:
        super().__init__(code, **figures)
        self.candidates: tuple[str, ...] = tuple(figures.get("candidates", ()))
        field = getattr(figures.get("reason"), "field", None)  # of a ConfigError
        asked = field if field in ("reset", "activation", "objective") else None
        self.argument: str | None = figures.get("argument", _DECIDES.get(code, asked))


_DECIDES = {
    "import.which-layers": "layers",
    "import.no-such-layer": "layers",
    "import.chain": "layers",
    "import.other-cell": "cell",
    "import.gate-order": "gate_order",
    "import.z-of-gru": "z_keeps",
    "import.no-head": "head",
    "import.not-symbols": "embedding",
    "import.left-over": "leave_out",
    "import.rule": "rule",
    "import.rule-without-text": "rule",
    "import.no-vocabulary": "vocabulary",
    "import.vocabulary": "vocabulary",
    "import.vocabulary-file": "vocabulary",
    "import.vocabulary-not-utf-8": "vocabulary",
    "import.number-of-symbols": "vocabulary",
    "import.symbol-twice": "vocabulary",
    "import.words": "vocabulary",
    "import.sample": "sample",
}


@dataclass(frozen=True)
class Taken:
    """One tensor of a file that went into the model.

    Attributes:
        name: in the file.
        shape: in the file.
        became: the parameter of the model that was made of it, such as "rnn.weight_ih_l0".
        why: what it was recognised by.

    """

    name: str
    shape: tuple[int, ...]
    became: str
    why: Saying


@dataclass(frozen=True)
class LeftOut:
    """Something of a file that did not go into the model.

    Attributes:
        name: in the file; of a group of tensors, what their names begin with.
        shape: in the file; empty for a group.
        why: it was left out.

    """

    name: str
    shape: tuple[int, ...]
    why: Saying


@dataclass(frozen=True)
class Opened:
    """What stands in a file, before anything is recognised.

    Attributes:
        kind: what the file is, a code of words.
        arrays: name -> numbers, in the order of the file; recurrent weights in torch's layout and order of gates.
        origins: name in `arrays` -> name and shape in the file, where they differ.
        left_out: what was not read.
        modules: prefix -> what is known of the module of that prefix: "class", "mode", "reset", "activation", ...
        vocabularies: where it stood -> a list or dict that may be the vocabulary.

    """

    kind: str
    arrays: Mapping[str, Array]
    origins: Mapping[str, tuple[str, tuple[int, ...]]] = field(default_factory=dict)
    left_out: tuple[LeftOut, ...] = ()
    modules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    vocabularies: Mapping[str, Any] = field(default_factory=dict)

    def origin(self, name: str) -> tuple[str, tuple[int, ...]]:
        """Name and shape in the file of one of the arrays."""
        return self.origins.get(name, (name, tuple(self.arrays[name].shape)))

    def told(self, name: str, fact: str) -> Any:
        """What the file says of the module that holds an array; None where it says nothing."""
        prefix = name
        while prefix:
            prefix = prefix.rpartition(".")[0]
            if fact in self.modules.get(prefix, {}):
                return self.modules[prefix][fact]
        return None


def check_name(name: str) -> str:
    """The name of a tensor, if it can stand in a sentence.

    Raises:
        ImportRefusedError: very long, or with characters that cannot be seen.

    """
    if len(name) > MAX_NAME or not name.isprintable():
        raise ImportRefusedError("import.name", most=MAX_NAME, got=name)
    return name


def as_array(name: str, values: object) -> Array:
    """An array of one of the number formats that weights have.

    Raises:
        ImportRefusedError: it holds something other than real numbers.

    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiub":
        raise ImportRefusedError("import.not-numbers", tensor=name, dtype=str(array.dtype))
    return array
