"""What a model holds likeliest, as a drawing: the numbers are those of the writing, and a person's words are only words."""

from xml.etree import ElementTree

import pytest

from explorer.figures.style import BLUE, GREY
from explorer.figures.writing import likeliest
from explorer.probes.writing import Writing

BEST = (("<", 0.5), ("א", 0.25), ("\n", 0.125), ("&", 0.06), ("e", 0.0))


def parts(stands="&"):
    root = ElementTree.fromstring(likeliest(Writing("ab", 2, BEST, stands, "", 0.5), "what it shows"))
    plain = [(part.tag.rpartition("}")[2], part) for part in root.iter()]
    return [part for tag, part in plain if tag == "rect"], ["".join(p.itertext()) for tag, p in plain if tag == "text"]


def test_a_bar_is_as_long_as_its_character_is_likely_and_the_one_that_stands_there_is_grey():
    bars, _ = parts()
    widths = [float(bar.get("width")) for bar in bars]
    assert [width / widths[0] for width in widths] == pytest.approx([p / 0.5 for _, p in BEST], abs=1e-3)
    assert [bar.get("fill") for bar in bars] == [BLUE, BLUE, BLUE, GREY, BLUE]
    assert [bar.get("fill") for bar in parts("z")[0]] == [BLUE] * 5


def test_every_character_is_named_to_the_letter_and_one_from_the_right_does_not_turn_its_line():
    _, words = parts()
    named = words[:5]
    assert named[:2] == ["“<” 50.0%", "“א\u200e” 25.0%"]  # what follows the mark stands on its right
    assert named[2:] == ["“↵” 12.5%", "“&” 6.0%", "“e” 0.0%"]
