"""What a model has read, and what of it a probe needs: `read_of` makes it of a text; each other kind is a file of its own."""

from typing import Any

from explorer.fields import ConfigError, expected, got
from explorer.models import SequenceModel
from explorer.reads.base import Read
from explorer.reads.text import TextRead
from explorer.tokens import Tokens

__all__ = ["Read", "TextRead", "read_of"]


def read_of(model: SequenceModel, given: Tokens | Read) -> Read:
    """What a model reads: a text, or a Read of the same model, which saves reading again.

    Raises:
        ConfigError: a Read of another model.

    """
    if not isinstance(given, Read):
        of_symbols: Any = model
        return TextRead(of_symbols, given)
    if given.model is not model:
        raise ConfigError("read", expected("same-model"), got("another"))
    return given
