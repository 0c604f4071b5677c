"""Numbers and characters as one reads them, and colours that can be seen on both themes."""

import re
import tomllib
import unicodedata
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from explorer.characters import visible
from explorer.figures import style
from explorer.figures.canvas import script as script_of
from explorer.figures.style import broken, decimals, escaped, number, share, signed

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"), (float("nan"), "–"), (0, "0"), (1.0, "1.00"), (7.366, "7.37"), (9.999, "10.0"), (28.37, "28.4"),
        (99.94, "99.9"), (99.95, "100"), (141.2, "141"), (999.6, "1,000"), (9_999, "9,999"), (9_999.6, "10.0k"),
        (66_512, "66.5k"), (99_999, "100k"), (726_100, "726k"), (999_950, "1.0M"), (3.1e6, "3.1M"), (8.2e9, "8.2G"),
        (9.4e37, "9.4e37"), (9.4e137, "9e137"), (float("inf"), "∞"), (-float("inf"), "-∞"), (0.07, "0.070"), (0.5, "0.50"),
        (0.0032, "0.0032"), (3.2e-5, "3.2e-5"), (3.2e-300, "3e-300"), (-0.441, "-0.44"), (0.9999, "1.00"),
    ],
)  # fmt: skip
def test_any_number_fits_on_its_card(value, said):
    assert number(value) == said
    assert len(said.removeprefix("-")) <= 6


SIGNS = {"k": "e3", "M": "e6", "G": "e9"}


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_what_is_said_of_a_number_is_the_number_to_its_last_digit(value):
    text = number(value)
    assert len(text.removeprefix("-")) <= 6
    digits = re.sub("[kMG]", lambda sign: SIGNS[sign[0]], text.replace(",", ""))
    mantissa, _, power = digits.partition("e")
    last = Decimal(10) ** (int(power or 0) - len(mantissa.partition(".")[2]))
    # Where a float was divided by its unit first, half a digit may be half a digit and a bit.
    assert abs(Decimal(digits) - Decimal(value)) <= last * (Decimal("0.5") + Decimal("1e-9"))
    assert (Decimal(digits) == 0) == (value == 0)


@given(st.floats(0, 1))
def test_a_share_is_said_to_its_last_digit_and_all_or_nothing_only_of_those(value):
    text = share(value)
    assert len(text) <= 6
    assert (text == "100 %") == (value == 1)
    assert (text == "0 %") == (value == 0)
    if text[0] in "<>":
        assert value <= 0.0005 if text[0] == "<" else value > 0.99
    else:
        places = len(text.removesuffix(" %").partition(".")[2])
        assert abs(float(text.removesuffix(" %")) - 100 * value) <= 0.5 * 10**-places + 1e-9


def test_a_slope_has_its_sign():
    assert [signed(v) for v in (0.05, -0.441, 0, 3e-5, -2e9, None)] == [
        "+0.050",
        "-0.441",
        "0",
        "+3.0e-5",
        "-2.0G",
        "–",
    ]


@pytest.mark.parametrize(
    ("value", "digits", "said"), [(0.0, 2, "0.00"), (3.456, 1, "3.5"), (-99_999.4, 0, "-99999"), (8.65e36, 2, "8.7e36")]
)
def test_what_has_grown_past_reading_is_a_power_of_ten(value, digits, said):
    assert decimals(value, digits) == said


@pytest.mark.parametrize(
    ("character", "shown"),
    [
        ("a", "a"), ("温", "温"), ("😀", "😀"), ("é", "é"), ("ا", "ا"), (" ", "␣"), ("\n", "↵"), ("\t", "⇥"),
        ("\u0301", "◌\u0301"),
        ("\u20dd", "◌\u20dd"), ("\u093e", "◌\u093e"), ("\ufe0f", "U+FE0F"), ("\U000e0100", "U+E0100"), ("\u3164", "U+3164"),
        ("\u2800", "U+2800"), ("\u115f", "U+115F"), ("\u00ad", "U+00AD"), ("\u200d", "U+200D"), ("\u200f", "U+200F"),
        ("\u2060", "U+2060"), ("\U000e0041", "U+E0041"), ("\u034f", "U+034F"), ("\x07", "U+0007"), ("\ue000", "U+E000"),
        ("\ufffc", "U+FFFC"), ("\ufffd", "\ufffd"), ("<unk>", "<unk>"),
    ],
)  # fmt: skip
def test_every_character_has_something_to_see(character, shown):
    assert visible(character) == shown


@given(st.characters(categories=["Mn", "Mc", "Me", "Cf", "Cc", "Zs", "Zl", "Zp", "Co", "Cn"]))
def test_what_has_no_shape_of_its_own_is_given_one(character):
    shown = visible(character)
    assert shown != character
    assert unicodedata.category(shown[0])[0] in "LSP"
    assert shown.isprintable()


@given(st.characters(categories=["Lu", "Ll", "Lm", "N", "P", "Sc", "Sm", "Sk"]))
def test_what_has_a_shape_is_shown_as_it_is(character):
    assert visible(character) == character


def plotly_reads(text):
    """What plotly.js 4.1 makes of a text without tags: its one pass over entities, by number or one of eight names."""
    return re.sub(r"&(#\d+|#x[\da-fA-F]+|[a-z]+);", lambda m: chr(int(m[1][1:])) if m[1][1:].isdigit() else m[0], text)


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_escaped_text_has_nothing_that_plotly_reads_and_becomes_what_it_was(text):
    made = escaped(text)
    assert not re.search(r"[<>$%]", made)
    assert not re.search(r"&(?!#\d+;)", made)
    assert plotly_reads(made).removesuffix("\u200e") == text.removesuffix("\u200e")


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u200e")))
def test_a_long_name_is_broken_into_lines_and_loses_nothing(text):
    lines = broken(text).split("<br>")
    assert "".join(plotly_reads(line).replace("\u200e", "") for line in lines) == text
    assert max(len(plotly_reads(line).replace("\u200e", "")) for line in lines) <= 40


def test_a_name_is_broken_after_a_blank():
    assert broken("a" * 30 + " " + "b" * 30) == "a" * 30 + " <br>" + "b" * 30
    assert broken("温" * 21) == "温" * 20 + "<br>温"


def luminance(colour):
    """WCAG 2.2, relative luminance."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    """WCAG 2.2, contrast ratio."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


THEMES = {
    name: tomllib.loads((ROOT / ".streamlit" / "config.toml").read_text("utf-8"))["theme"][name]
    for name in ("light", "dark")
}
INKS = {"light": "#262730", "dark": "#fafafa"}  # what Streamlit makes of INK


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("name", ["BLUE", "ORANGE", "GREEN", "GREY", "PURPLE", "RED"])
def test_lines_stand_out_against_both_backgrounds(theme, name):
    assert contrast(getattr(style, name), THEMES[theme]["backgroundColor"]) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_words_can_be_read_on_both_backgrounds(theme):
    background = THEMES[theme]["backgroundColor"]
    assert contrast(INKS[theme], background) >= 4.5
    assert contrast(THEMES[theme]["textColor"], background) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_faded_words_on_canvases_can_be_read(theme):
    script = script_of("ink", "panel", "pointing")
    (faded,) = re.findall(r"FADED = (0\.\d+)", script)
    text, background = THEMES[theme]["textColor"], THEMES[theme]["backgroundColor"]
    mixed = [
        round(float(faded) * int(text[i : i + 2], 16) + (1 - float(faded)) * int(background[i : i + 2], 16))
        for i in (1, 3, 5)
    ]
    assert contrast("#" + "".join(f"{part:02x}" for part in mixed), background) >= 4.5
    assert not re.findall(r'theme\.text, "\w+", 0', script)  # no other
