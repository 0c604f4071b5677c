"""The page Gates as a person meets it."""

import re
import urllib.error
import urllib.request
from urllib.parse import parse_qs, quote, urlsplit
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

import explorer
from explorer.figures import gates as drawing
from explorer.pages.shell import models, texts

MODEL = explorer.load_checkpoint(models.CHECKPOINTS / "lighthouse-gru.safetensors").model
Z, R = "light keeps the old state", "light sees the old state"  # in the titles of the maps
EXAMPLE = texts.EXAMPLES["lighthouse"]
ALL_UNITS = "all_units=true&order=memory"
DRAWN = "[class*='st-key-tape'] .panel[data-drawn]"


def wait_for_characters(page, count):
    page.locator(f"{DRAWN}[data-end='{count - 0.5}']").wait_for()


def test_the_gates_are_there_with_nothing_clicked_in_both_themes(page, server, theme):
    page.emulate_media(color_scheme=theme)
    page.goto(server)
    page.locator(DRAWN).wait_for()
    page.get_by_text("How the model learned").wait_for()
    body = page.locator("[data-testid=stAppViewContainer]").inner_text()
    for expected in ("Mean z", "Perplexity", "recomputed in float64"):
        assert expected in body
    assert page.locator(f"{DRAWN} .title", has_text="unit 95, inside quotation marks").is_visible()
    for title in (Z, R):
        assert not page.locator(f"{DRAWN} .title", has_text=title).is_visible()
    page.locator("label", has_text="Show all 128 units").click()
    for title in (Z, R):
        page.locator(f"{DRAWN} .title", has_text=title).wait_for()
    assert page.locator("[data-testid=stException]").count() == 0
    background = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 22, 29)"}[theme]


def test_everything_follows_while_one_types(page, server):
    page.goto(server)
    page.locator(DRAWN).first.wait_for()
    field = page.get_by_placeholder("Type a sentence")
    field.fill("so it goes")
    wait_for_characters(page, 10)  # no Enter, no click
    page.get_by_text(re.compile("The greatest surprise is “.” at step [1-9],")).wait_for()  # the page has followed


def test_a_keystroke_is_drawn_while_the_page_still_waits_for_the_next(page, server):
    page.goto(server)
    page.locator(DRAWN).wait_for()
    page.get_by_text("How the model learned").wait_for()
    page.route("**/picture/*", lambda route: route.continue_())
    with page.expect_request("**/picture/*") as asked:
        page.get_by_placeholder("Type a sentence").fill("so it")
    assert asked.value.post_data == '{"text":"so it"}'
    wait_for_characters(page, 5)


def test_what_is_said_of_a_unit_is_what_the_library_says(page, server, picture):
    page.goto(f"{server}/?{ALL_UNITS}")
    tape, trace = picture(page, "tape"), explorer.trace_gates(MODEL, EXAMPLE)
    order = drawing.unit_order(trace.tape(), "memory")
    for title, step, line in ((Z, 40, 0), (R, 7, 90), (Z, 0, 127)):
        said = tape.point(title, step, (line + 0.5) / len(order)).replace("−", "-")
        unit = order[line]
        (line_of_unit,) = [words for words in said.splitlines() if words.startswith("unit ")]
        parts = dict(re.findall(r"\b([zrnh]) (-?\d\.\d\d)\b", line_of_unit))
        assert f"step {step} " in said
        assert f"unit {unit} " in said
        shown = {letter: trace.tape()[letter][step, unit] for letter in "zrnh"}
        assert {letter: float(value) for letter, value in parts.items()} == pytest.approx(shown, abs=0.0051)
        expected = [p for _, p in trace.expected(step) if p >= 0.005]
        assert [float(p) / 100 for p in re.findall(r"” (\d+)%", said)] == pytest.approx(expected, abs=0.0051)
        assert tape.at.locator(".light:visible").count() == 2  # the same unit in both maps


def test_the_cursor_runs_through_all_rows_and_says_their_numbers(page, server, picture):
    page.goto(f"{server}/?{ALL_UNITS}")
    tape, trace = picture(page, "tape"), explorer.trace_gates(MODEL, EXAMPLE)
    tape.point("unit 95", 50)
    now = tape.row("mean and middle").locator(".now").inner_text()
    assert now == f"mean z {trace.tape()['z'][50].mean():.3g} · mean r {trace.tape()['r'][50].mean():.3g}"
    assert tape.at.locator(".cursor").is_visible()


def test_a_unit_that_is_clicked_is_drawn_alone(page, server, picture):
    page.goto(f"{server}/?{ALL_UNITS}")
    tape = picture(page, "tape")
    trace = explorer.trace_gates(MODEL, EXAMPLE)
    page.mouse.click(*tape.place(Z, 20, 3.5 / 128))
    unit = drawing.unit_order(trace.tape(), "memory")[3]
    page.wait_for_url(re.compile(rf"[?&]unit={unit}\b"))
    tape.row(f"unit {unit} alone").wait_for()


def test_the_row_of_a_named_unit_chooses_that_unit(page, server, picture):
    page.goto(server)
    tape = picture(page, "tape")
    page.mouse.click(*tape.place("unit 95, inside", 50, 0.5))
    page.wait_for_url(re.compile(r"[?&]unit=95\b"))
    tape.row("unit 95 alone").wait_for()


def test_dragging_looks_closer_which_stays_while_one_types_and_a_double_click_goes_back(page, server, picture):
    page.goto(server)
    tape = picture(page, "tape")
    page.mouse.move(*tape.place("unit 95", 20, 0.5))
    page.mouse.down()
    page.mouse.move(*tape.place("unit 95", 40, 0.5), steps=5)
    page.mouse.up()
    zoomed = page.locator(f"{DRAWN}[data-zoom='20,41']")  # half a step on either side, rounded
    zoomed.wait_for()
    field = page.get_by_placeholder("Type a sentence")
    field.press("End")
    field.press("!")
    wait_for_characters(page, len(EXAMPLE) + 1)
    assert zoomed.count() == 1
    page.mouse.dblclick(*tape.place("unit 95", 40, 0.5))
    page.locator(f"{DRAWN}[data-zoom='']").wait_for()


def test_the_training_can_be_played_in_the_picture_and_the_page_follows_where_it_ends(page, server):
    page.goto(server)
    page.locator(DRAWN).wait_for()
    page.get_by_role("button", name="Play the training").click()
    page.locator(".epochs output").get_by_text("epoch 2", exact=True).wait_for()
    page.get_by_role("button", name="Pause").click()
    page.wait_for_url(re.compile(r"epoch=(\d+)$"))
    shown = page.locator(".epochs output").inner_text()
    assert shown == f"epoch {parse_qs(urlsplit(page.url).query)['epoch'][0]}"


def test_a_finger_that_goes_down_scrolls_the_page(page, server, picture):
    page.goto(server)
    assert picture(page, "tape").at.evaluate("panel => getComputedStyle(panel).touchAction") == "pan-y"


def test_the_picture_is_saved_as_png_and_as_svg(page, server, tmp_path):
    page.goto(f"{server}/?{ALL_UNITS}")
    page.locator(DRAWN).wait_for()
    for kind, begins in (("PNG", b"\x89PNG"), ("SVG", b"<svg")):
        with page.expect_download() as saved:
            page.locator(".tools").get_by_role("button", name=kind).click()
        saved.value.save_as(tmp_path / kind)
        assert (tmp_path / kind).read_bytes().startswith(begins)
    svg = ElementTree.parse(tmp_path / "SVG").getroot()
    words = "".join(svg.itertext())
    assert "unit 95, inside quotation marks" in words
    assert not [part for part in svg.iter() for name in ("d", "x", "y", "width") if "NaN" in part.get(name, "")]
    assert len(list(svg.iter("{http://www.w3.org/2000/svg}image"))) == 3  # the strip and two maps


def test_the_words_are_in_the_link_only_when_asked(page, server):
    page.goto(f"{server}/?model=lighthouse-bigru-cloze&epoch=10")
    page.locator(DRAWN).first.wait_for()
    page.get_by_placeholder("Type a sentence").fill("the lamp is lit")
    wait_for_characters(page, 15)
    assert "sentence" not in page.url
    page.get_by_text("Put the sentence in the link").click()
    page.wait_for_url("**sentence=**")
    query = parse_qs(urlsplit(page.url).query)
    assert query == {"model": ["lighthouse-bigru-cloze"], "epoch": ["10"], "sentence": ["the lamp is lit"]}
    page.reload()
    page.locator(DRAWN).first.wait_for()
    wait_for_characters(page, 15)
    expect(page.get_by_placeholder("Type a sentence")).to_have_value("the lamp is lit")


@pytest.mark.parametrize("text", ["<b>bold</b> $x$ <img src=x onerror=alert(1)>", "小满的船 😀 سلام", "​"])
def test_markup_and_other_scripts_are_shown_to_the_letter(page, server, picture, text):
    page.goto(f"{server}/?model=river-town-gru&sentence={quote(text)}")
    page.locator(DRAWN).first.wait_for()
    wait_for_characters(page, len(text))
    tape = picture(page, "tape")
    tape.at.locator("xpath=..").locator("td").first.wait_for(state="attached")
    assert "".join(tape.text).replace("␣", " ").replace("∅", "​") == text
    for step, character in enumerate(text):
        if step % 9 == 0:
            said = tape.point("surprise (bits)", step).replace("\u200e", "")  # turns what follows, and is not seen
            assert f"“{character}”".replace(" ", "␣").replace("​", "∅") in said
    assert tape.at.locator("img").count() == 0


def test_twenty_thousand_characters_are_answered(page, server):
    page.goto(f"{server}/?model=lighthouse-gru")
    page.locator(DRAWN).first.wait_for()
    page.get_by_text("Longer text").click()
    field = page.get_by_placeholder("Paste a text")
    field.fill("The light turned, and the sea was dark. " * 600)
    field.press("Control+Enter")
    page.get_by_text("All 20,000 characters are analysed; the first 2,000 are drawn").wait_for()
    wait_for_characters(page, 2_000)


def test_the_downloads_hold_the_numbers(page, server, tmp_path):
    page.goto(f"{server}/?model=river-town-gru")
    page.locator(DRAWN).first.wait_for()
    page.get_by_text("Download the data").click()
    with page.expect_download() as table:
        page.get_by_role("link", name=re.compile("^CSV, .* Gates of every unit$")).click()
    assert table.value.suggested_filename == "gates-of-every-unit-river-town-gru-epoch-60.csv"
    table.value.save_as(tmp_path / "gates.csv")
    lines = (tmp_path / "gates.csv").read_text("utf-8-sig").splitlines()
    assert lines[0] == '"direction","step","character","unit","z","r","n","h"'
    assert len(lines) == 1 + 68 * 96
    with page.expect_download() as table:
        page.get_by_role("link", name=re.compile("^Parquet, .* Gates of every unit$")).click()
    table.value.save_as(tmp_path / "gates.parquet")
    again, binary = pd.read_csv(tmp_path / "gates.csv"), pd.read_parquet(tmp_path / "gates.parquet")
    np.testing.assert_array_equal(again["h"].astype(np.float32), binary["h"])
    address = page.get_by_role("link", name="CSV,").first.evaluate("link => link.href")
    asked = urllib.request.Request(address)  # without the cookie
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(asked)


def test_a_refused_download_is_said_beside_its_button_and_the_page_stays(page, server):
    page.goto(f"{server}/?model=river-town-gru")
    page.locator(DRAWN).first.wait_for()
    page.get_by_text("Download the data").click()
    link = page.get_by_role("link", name=re.compile("^CSV, .* Steps$"))
    link.evaluate("link => { link.href = link.href.replace(/export.*/, 'export/gone/csv') }")
    link.click()
    page.get_by_role("status").get_by_text("This download is not there any more.").wait_for()
    page.get_by_text("Download the data").wait_for()


def test_the_downloads_fit_a_telephone(page, server):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{server}/?model=river-town-gru")
    page.locator(DRAWN).first.wait_for()
    page.get_by_text("Download the data").click()
    links = page.get_by_role("link", name=re.compile("^(CSV|Parquet), "))
    links.nth(5).wait_for()
    boxes = [links.nth(i).bounding_box() for i in range(6)]
    for csv, parquet in zip(boxes[::2], boxes[1::2], strict=True):
        assert csv["y"] == parquet["y"]
        assert parquet["x"] + parquet["width"] <= 390


def test_a_character_that_is_clicked_is_where_the_model_goes_on_and_a_second_click_lets_it_go(page, server, picture):
    page.goto(server)
    tape = picture(page, "tape")
    page.get_by_text("The likeliest next characters:").wait_for()
    at = EXAMPLE.index("network")
    place = tape.place("surprise", at, 0.5)
    page.mouse.click(*place)
    page.get_by_text(f"The likeliest characters at step {at}, where “n” stands:").wait_for()
    expected = explorer.write_on(MODEL, EXAMPLE, at, length=200, temperature=0.5).written
    page.get_by_text(expected.replace("\n", "↵").strip()[:60]).wait_for()
    page.mouse.click(*place)
    page.get_by_text("The likeliest next characters:").wait_for()


def test_words_are_written_as_words_and_pointed_at_one_by_one(page, server):
    page.goto(f"{server}/?model=lighthouse-gru-words")
    text = page.locator(f"{DRAWN} .text")
    text.wait_for()
    assert text.inner_text().startswith('He looked back at the harbour. "Turn the light, and bring')
    word = text.locator("[data-step='12']")
    assert word.inner_text() == "and"
    word.hover()
    page.get_by_text("step 12 “and”").wait_for()
    word.click()
    page.get_by_text("The likeliest words at step 12, where “and” stands:").wait_for()
    begins, ends = (text.locator(f"[data-step='{step}']").bounding_box() for step in (2, 4))
    page.mouse.move(begins["x"] + 3, begins["y"] + 8)
    page.mouse.down()
    page.mouse.move(ends["x"] + ends["width"] - 3, ends["y"] + 8, steps=6)
    page.mouse.up()
    page.get_by_text(re.compile("“back at the”")).first.wait_for()
