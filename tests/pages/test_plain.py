"""Words in the cells of tables, and sentences without the folders of the server."""

import io
import os

import numpy as np
import pandas as pd
import pytest
import streamlit as st

import explorer
from explorer import ModelConfig, Recipe, runs
from explorer.figures import gates, training
from explorer.pages.shell import people
from explorer.pages.shell.plain import cell, cells

# Of OWASP's page on CSV injection, and separators of other countries' spreadsheets before them.
FORMULAS = [
    '=HYPERLINK("http://evil.example")', "=1+1", "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(1+1)", "\t=1", "\r=1", "\n@x", " =1+1",
    "＝1+1", "＋1", "－1x", "＠x", "a;=1+1", "a\t=1+1", "a\n=1+1", "a; -x", "--", "==", "=-1",
]  # fmt: skip
HARMLESS = [
    "", "=", "+", "-", "@", "\t", "\n", "a=b", "a-b", "-1", "+1.5", "-1e-05", "-inf", "1e5", "GRU, -x", "小满", "–", "'=1", "a+b",
]  # fmt: skip


@pytest.mark.parametrize("words", FORMULAS)
def test_what_a_spreadsheet_would_compute_has_an_apostrophe_before_it(words):
    guarded = cell(words)
    assert guarded.replace("'", "") == words.replace("'", "")
    for separator in (";", "\t", "\r", "\n"):
        for part in guarded.split(separator):
            assert part.lstrip()[:1] not in tuple("=+-@＝＋－＠")


@pytest.mark.parametrize("words", HARMLESS)
def test_what_is_none_stays_as_it_is(words):
    assert cell(words) == words


def test_a_table_keeps_its_numbers_and_its_characters_when_it_is_read_back():
    text = "=1+2-3@\n\"'a,;\t小"
    vocabulary = explorer.Vocabulary.from_text(text)
    trace = explorer.trace_gates(explorer.CharModel(ModelConfig(hidden_size=3), vocabulary, seed=0), text)
    for table in (gates.frame(trace), gates.step_frame(trace)):
        read = pd.read_csv(io.StringIO(cells(table).to_csv(index=False)), dtype={"character": str}, keep_default_na=False,
                           na_values={c: ["", "nan"] for c in table.columns if c != "character"})  # fmt: skip
        assert list(read.character) == list(table.character)
        numbers = table.select_dtypes("number").columns
        np.testing.assert_allclose(read[numbers], table[numbers], rtol=1e-6)


def test_the_words_of_a_run_are_guarded_in_its_table_and_nothing_else_is():
    run = runs.new_run(runs.RunRequest(
        ModelConfig(hidden_size=4), Recipe(), explorer.load_corpus("lighthouse"), corpus="=c()", session="me",
        name='=HYPERLINK("x")', sentence="-- said she",
    ))  # fmt: skip
    table, _ = training.settings_frame([run, run])
    guarded = cells(table)
    changed = [column for column in table if list(map(str, table[column])) != list(map(str, guarded[column]))]
    assert changed == ["Run", "Corpus", "Your sentence"]
    assert list(guarded["Run"]) == ['\'=HYPERLINK("x")'] * 2
    assert list(cells(pd.DataFrame({"=h()": [1]}))) == ["'=h()"]


FOLDERS = {
    "The runs in /srv/data/gate could not be read.": "The runs in …/gate could not be read.",
    "No space: '/home/me/my runs/a.sqlite'": "No space: '…/a.sqlite'",
    r"Expected a file at C:\Users\me\x.safetensors; no.": "Expected a file at …/x.safetensors; no.",
    "and/or a/b/c https://x.org/y/z, 1/2, h / c": "and/or a/b/c https://x.org/y/z, 1/2, h / c",
}


@pytest.mark.parametrize("sentence", FOLDERS)
def test_a_sentence_names_no_folder_of_the_server(sentence):
    assert people.without_folders(sentence) == FOLDERS[sentence]


def test_the_servers_own_folders_are_named_by_what_they_are(monkeypatch, tmp_path):
    assert (
        people.without_folders(f"The runs in {os.environ['GATE_EXPLORER_DATA']} are")
        == "The runs in the data folder are"
    )
    fault = explorer.CheckpointError("checkpoint.nothing-there", path=f"{people.ROOT}/checkpoints/a.safetensors")
    assert people.ROOT not in people.told(fault)
    monkeypatch.setattr(type(st.context), "headers", {people.LOCAL_HEADER: "1"})
    assert people.ROOT.rpartition("/")[2].replace("-", r"\-") in people.told(fault)  # told at this machine
