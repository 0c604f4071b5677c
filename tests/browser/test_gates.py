"""The page Gates as a person meets it."""

import re
import urllib.error
import urllib.request
from urllib.parse import parse_qs, quote, urlsplit

import numpy as np
import pandas as pd
import pytest
from playwright.sync_api import expect

DRAWN = "[class*='st-key-tape'] .js-plotly-plot .heatmaplayer image"


def characters(page):
    return (
        page.locator("[data-testid=stMetric]", has_text="Characters")
        .locator("[data-testid=stMetricValue]")
        .inner_text()
    )


def wait_for_characters(page, count):
    value = page.locator("[data-testid=stMetric]", has_text="Characters").locator("[data-testid=stMetricValue]")
    value.filter(has_text=re.compile(f"^{count}$")).wait_for()


def test_the_gates_are_there_with_nothing_clicked_in_both_themes(page, server, theme):
    page.emulate_media(color_scheme=theme)
    page.goto(server)
    page.locator(DRAWN).nth(2).wait_for()  # the strip, the update gate and the reset gate
    body = page.locator("[data-testid=stAppViewContainer]").inner_text()
    for expected in ("Mean z", "Perplexity", "Proof (float64)", "How the model learned"):
        assert expected in body
    assert page.locator("[data-testid=stException]").count() == 0
    background = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert background == {"light": "rgb(255, 255, 255)", "dark": "rgb(17, 22, 29)"}[theme]


def test_everything_follows_while_one_types(page, server):
    page.goto(server)
    page.locator(DRAWN).first.wait_for()
    field = page.get_by_placeholder("Type a sentence")
    field.fill("so it goes")
    wait_for_characters(page, "10")  # no Enter, no click
    assert page.locator("[data-testid=stHtml] span[title^='step']").count() == 10


def test_hovering_a_gate_names_unit_and_values_in_both_heatmaps(page, server):
    page.goto(server)
    page.locator(DRAWN).nth(2).wait_for()
    page.locator(DRAWN).nth(1).scroll_into_view_if_needed()
    box = page.locator(DRAWN).nth(1).bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    labels = page.locator(".hoverlayer .hovertext")
    with_others = labels.filter(has_text=re.compile(r"unit \d+: z .*n .*h "))  # rows of single units say one part each
    with_others.wait_for()
    said = with_others.text_content()
    unit = re.match(r"unit \d+", said)[0]
    said += " ".join(text for text in labels.all_text_contents() if text.startswith(f"{unit}: r "))
    assert all(re.search(rf"{letter} [01]\.\d\d(?!\d)", said.replace(" -", " ")) for letter in "zrnh"), said


def test_the_words_are_in_the_link_only_when_asked(page, server):
    page.goto(f"{server}/?model=lighthouse-bigru-cloze&epoch=10")
    page.locator(DRAWN).first.wait_for()
    page.get_by_placeholder("Type a sentence").fill("the lamp is lit")
    wait_for_characters(page, "15")
    assert "sentence" not in page.url
    page.get_by_text("Put the sentence in the link").click()
    page.wait_for_url("**sentence=**")
    query = parse_qs(urlsplit(page.url).query)
    assert query == {"model": ["lighthouse-bigru-cloze"], "epoch": ["10"], "sentence": ["the lamp is lit"]}
    page.reload()
    page.locator(DRAWN).first.wait_for()
    wait_for_characters(page, "15")
    expect(page.get_by_placeholder("Type a sentence")).to_have_value("the lamp is lit")


@pytest.mark.parametrize("text", ["<b>bold</b> $x$ <img src=x onerror=alert(1)>", "小满的船 😀 سلام", "​"])
def test_markup_and_other_scripts_are_shown_to_the_letter(page, server, text):
    page.goto(f"{server}/?model=river-town-gru&sentence={quote(text)}")
    page.locator(DRAWN).first.wait_for()
    wait_for_characters(page, str(len(text)))
    shown = page.locator("[data-testid=stHtml] span[title^='step']").all_inner_texts()
    assert "".join(shown).replace("␣", " ").replace("∅", "​") == text
    assert page.locator("[data-testid=stHtml] img, [data-testid=stHtml] b").count() == 0


def test_twenty_thousand_characters_are_answered(page, server):
    page.goto(f"{server}/?model=lighthouse-gru")
    page.locator(DRAWN).first.wait_for()
    page.get_by_text("Longer text").click()
    field = page.get_by_placeholder("Paste a text")
    field.fill("The light turned, and the sea was dark. " * 600)
    field.press("Control+Enter")
    wait_for_characters(page, "20,000")
    page.get_by_text("the first 2,000 are drawn").wait_for()
    page.locator(DRAWN).nth(2).wait_for()


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


def test_the_downloads_fit_a_telephone(page, server, theme):
    page.set_viewport_size({"width": 390, "height": 844})
    page.emulate_media(color_scheme=theme)
    page.goto(f"{server}/?model=river-town-gru")
    page.locator(DRAWN).first.wait_for()
    page.get_by_text("Download the data").click()
    links = page.get_by_role("link", name=re.compile("^(CSV|Parquet), "))
    links.nth(7).wait_for()
    boxes = [links.nth(i).bounding_box() for i in range(8)]
    for csv, parquet in zip(boxes[::2], boxes[1::2], strict=True):
        assert csv["y"] == parquet["y"]
        assert parquet["x"] + parquet["width"] <= 390
