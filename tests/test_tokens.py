"""Texts taken apart into characters or words, and put together again; and what a model of words makes of one."""

import itertools
import re
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import explorer
from explorer import CharModel, ModelConfig, Recipe, TextError, Vocabulary, load_corpus, trace_gates, train
from explorer.checkpoints import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from explorer.features import WITHIN_WORDS, features_of
from explorer.figures import gates as drawing
from explorer.importing.symbols import read_symbols
from explorer.probes.learned import LEAST_WORDS, learned_stretches
from explorer.probes.places import same_word
from explorer.probes.reading import notices, unread
from explorer.probes.writing import write_on
from explorer.runs import RunRequest
from explorer.text import UNKNOWN
from explorer.tokens import (
    CHARACTER,
    LONGEST,
    WORD,
    blanks,
    first_steps,
    joined,
    part,
    replaced,
    split,
    step_at,
    token_of,
)

NASTY = "ab Z3.,:;!?'\"’“”‘„«»()[]{}-—–…/\n\t国，。！（）《》かアé\u0301ñन\u0941म\u200b\u00ad_%&@#€😀\u0600"
TEXT = "the cat sat on the mat , the dog sat on the cat . " * 12


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('He said, "Turn back."', ["He", "said", ",", '"', "Turn", "back", ".", '"']),
        ("don't well-known keeper’s -", ["don't", "well-known", "keeper’s", "-"]),
        ("3.5 km at 6:30, 1,000.", ["3.5", "km", "at", "6:30", ",", "1,000", "."]),
        ("one\n\ntwo\t three", ["one", "\n", "\n", "two", "three"]),
        ("她说：“船来了。”用GRU学", ["她", "说", "：", "“", "船", "来", "了", "。", "”", "用", "GRU", "学"]),
        ("cafe\u0301 नमस्ते", ["café", "नमस्ते"]),
        ("a_b $5", ["a", "_", "b", "$", "5"]),
        ("", []),
        (" \t ", []),
    ],
)
def test_words_are_told_apart(text, words):
    assert split(text, WORD) == tuple(words)


def test_a_text_of_characters_stays_as_it_is():
    assert split("a b", CHARACTER) == "a b" == joined("a b")
    assert split(("a", "b"), CHARACTER) == "a b"  # a model of characters reads what one of words has read


@pytest.mark.parametrize(
    "text",
    [
        'He looked back at the harbour. "Turn the light, and bring it home." Then he was sorry.',
        "What (he asked) is 3.5 of 'that'? Nothing: nothing—or all; no…",
        "她说：“船来了。”他没有听见，一个人坐在桥上。",
        "one,\ntwo!\n\n«three» [four]",
        'A speech "that nobody closes\n"and another" in the next line',
    ],
)
def test_a_usual_text_is_put_together_as_it_was(text):
    assert joined(split(text, WORD)) == text


def test_all_but_a_few_lines_of_a_corpus_are_put_together_as_they_were():
    text = load_corpus("lighthouse")
    lines = list(zip(text.split("\n"), joined(split(text, WORD)).split("\n"), strict=True))
    differ = [line for line, again in lines if line != again]
    # Of a speech over several paragraphs nobody can tell from the words alone whether a mark opens or closes.
    assert len(differ) <= 3 < len(lines) / 50


@given(st.text(NASTY, max_size=40))
def test_taken_apart_again_it_gives_the_same_words(text):
    words = split(text, WORD)
    assert split(joined(words), WORD) == words


@given(st.text(NASTY, max_size=40), st.integers(0, 40))
def test_what_comes_after_changes_no_blank(text, count):
    words = split(text, WORD)
    assert joined(words).startswith(joined(words[:count]))
    assert list(blanks(words))[:count] == list(blanks(words[:count]))


def test_what_goes_on_without_a_blank_is_cut():
    assert split("x" * 120, WORD) == ("x" * LONGEST, "x" * LONGEST, "x" * 20)


def test_a_part_is_written_as_it_stands_in_the_text():
    words = split('He said, "Go." Then "Stay," and left.', WORD)
    for start in range(len(words)):
        for end in range(start, len(words) + 1):
            whole = part(words, 0, start) + part(words, start, end) + part(words, end, len(words))
            assert whole == joined(words)
    assert part(words, 10, 12) == ',"'
    assert part("abc", 1, 2) == "b"


def test_one_symbol_is_replaced():
    assert replaced("abc", 1, "x") == "axc"
    assert replaced(("one", "two", "three"), 1, "six") == ("one", "six", "three")


# ---- the vocabulary


def test_words_are_counted_as_they_stand_between_blanks():
    vocabulary = Vocabulary.from_text(TEXT, WORD)
    counted = Counter(TEXT.split()).most_common()
    assert vocabulary.symbols == (UNKNOWN, *(word for word, _ in counted))
    assert vocabulary.counts == (0, *(count for _, count in counted))
    assert [vocabulary.symbols[i] for i in vocabulary.encode(TEXT)] == TEXT.split()
    assert vocabulary.unknown_share("the cat flew home") == 0.5


@pytest.mark.parametrize("odd", ["two words", "", " ", "x" * 51, "a\u0301", "said,", "\ud800", "a\nb"])
def test_a_symbol_is_one_word(odd):
    with pytest.raises(TextError, match="single words"):
        Vocabulary((UNKNOWN, "the", odd), (0, 1, 1), WORD)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("THE Cat", ("the", "cat")),
        ("thé cat", ("the", "cat")),
        ("the cat’s", ("the", "cat's")),
        ("the whale", ("the", "whale")),  # nothing is near it
        ("the “cat”", ("the", '"', "cat", '"')),
    ],
)
def test_a_word_is_read_as_the_nearest_known(typed, read):
    assert Vocabulary.from_text("the cat's cat \"", WORD).folded(typed) == read


def test_where_only_words_of_letters_are_known_the_marks_are_left_out():
    assert Vocabulary.from_text("the cat sat", WORD).folded("The cat, sat -- 3!") == ("the", "cat", "sat", "3")[:3]


def test_what_is_written_goes_on_after_what_stands_there():
    vocabulary = Vocabulary.from_text("said , “ the cat ” .", WORD)
    ids = vocabulary.encode("the cat .").tolist()
    assert vocabulary.decode(ids) == "the cat."
    assert vocabulary.decode(ids, ("said", ",")) == " the cat."
    assert vocabulary.decode(ids, ("said", "“")) == "the cat."
    assert vocabulary.decode([0, ids[0]], ("said",)) == " \ufffd the"


# ---- a model of words is a model of characters with other names


def twins():
    """One text of words, and the same with a letter for each word, each with an untrained model of the same weights."""
    words = TEXT.split()
    letters = {word: chr(ord("a") + i) for i, word in enumerate(dict.fromkeys(words))}
    text = "".join(letters[word] for word in words)
    config = ModelConfig("gru", hidden_size=8, embedding_size=4)
    return letters, [
        (read, CharModel(config, Vocabulary.from_text(read, token), seed=3))
        for read, token in ((TEXT, WORD), (text, CHARACTER))
    ]


def test_it_is_read_trained_and_judged_bit_for_bit_as_its_twin():
    letters, ((words, by_words), (text, by_letters)) = twins()
    assert by_words.vocabulary.counts == by_letters.vocabulary.counts
    recipe = Recipe("sgd", 0.5, 1.0, batch_size=2, num_steps=5, epochs=2)
    steps = [list(train(model, read, replace(recipe, token=token), seed=1))
             for read, model, token in ((words, by_words, WORD), (text, by_letters, CHARACTER))]  # fmt: skip
    told = [[(s.nll_nats, s.grad_norm_before, s.grad_norm_after) for s in one] for one in steps]
    assert told[0] == told[1]
    assert len(told[0]) > 10
    traces = trace_gates(by_words, words), trace_gates(by_letters, text)
    assert [letters[word] for word in traces[0].text] == list(traces[1].text)
    for letter, values_TH in traces[0].tape().parts.items():
        assert np.array_equal(values_TH, traces[1].tape()[letter])
    assert traces[0].perplexity == traces[1].perplexity
    flows = [explorer.gradient_flow(m, t).norms_TT for m, t in ((by_words, words), (by_letters, text))]
    assert np.array_equal(flows[0], flows[1], equal_nan=True)
    written = [write_on(m, t, length=9, seed=5) for m, t in ((by_words, words), (by_letters, text))]
    assert [letters[word] for word in split(written[0].written, WORD)] == list(written[1].written)
    assert by_words.generate("the cat", 5) == "the cat" + by_words.drawn("the cat", 5)[0]


def test_the_first_tokens_are_words():
    recipe = Recipe(max_tokens=4, token=WORD)
    assert recipe.learned("One two, three four.") == ("One", "two", ",", "three")


def test_a_run_of_words_counts_words():
    request = RunRequest(
        ModelConfig("rnn", hidden_size=4), replace(Recipe(batch_size=2, num_steps=5, epochs=1), token=WORD), TEXT, corpus="own",
        session="me", sentence="The cat flew",
    )  # fmt: skip
    run = request.run()
    assert run.trained_on == round(len(TEXT.split()) * 0.9)
    assert run.symbols == len(set(TEXT.split())) + 1
    assert (run.sentence, run.prefixes) == ("the cat flew", ("the cat sat on",))
    short = replace(request, text="the cat sat on the mat").problems()
    assert "at least 16 " in str(short["text"])
    assert "got 6" in str(short["text"])


@pytest.mark.parametrize("token", [WORD, CHARACTER])
def test_a_checkpoint_keeps_what_is_read(token, tmp_path):
    path = tmp_path / "a.safetensors"
    model = CharModel(ModelConfig("gru", hidden_size=4), Vocabulary.from_text(TEXT, token), seed=0)
    save_checkpoint(path, Checkpoint(model, Recipe(token=token), 0, "own"))
    loaded = load_checkpoint(path)
    assert loaded.vocabulary == model.vocabulary
    assert loaded.recipe.token == token
    data, other = path.read_bytes(), {WORD: CHARACTER, CHARACTER: WORD}[token]
    forged = data.replace(f'\\"token\\": \\"{token}\\"'.encode(), f'\\"token\\": \\"{other}\\"'.encode())
    assert forged != data
    length = int.from_bytes(data[:8], "little") + len(forged) - len(data)
    with pytest.raises(CheckpointError, match="vocabulary of characters or words"):
        load_checkpoint(length.to_bytes(8, "little") + forged[8:])


# ---- what is said of a text


def test_features_of_words():
    text = split('One said: "Go home, Nan."\nTwo (3) ran', WORD)
    found = features_of(text)
    assert not WITHIN_WORDS & set(found)
    words = np.array(text)
    assert words[found["quoted"] > 0].tolist() == ['"', "Go", "home", ",", "Nan", "."]
    assert words[found["bracketed"] > 0].tolist() == ["(", "3"]
    assert words[found["capital"] > 0].tolist() == ["One", "Go", "Nan", "Two"]
    assert words[found["punctuation"] > 0].tolist() == [":", '"', ",", ".", '"', "(", ")"]
    assert words[found["digit"] > 0].tolist() == ["3"]
    assert words[found["line-start"] > 0].tolist() == ["Two"]
    assert words[found["character Nan"] > 0].tolist() == ["Nan"]
    assert np.flatnonzero(found["after Nan"]).tolist() == [text.index("Nan") + 1]


def test_stretches_of_several_words_were_learned():
    learned = split("a b c d e f g", WORD)
    text = split("x b c d e y a b c z", WORD)
    assert LEAST_WORDS == 4
    assert learned_stretches(text, learned).tolist() == [False, True, True, True, True, *[False] * 5]


def test_where_else_the_same_words_stand():
    model = CharModel(ModelConfig("gru", hidden_size=8), Vocabulary.from_text(TEXT, WORD), seed=0)
    text = "the cat sat , the catalogue . the cat ran"
    found = same_word(trace_gates(model, text), 0, 1)
    (place,) = found.places
    assert (found.word, place.first, place.last) == ("the cat", 7, 8)
    assert (place.before, place.text, place.after) == (" cat sat, the catalogue.", " the cat", " ran")


def test_bits_a_character_are_alike_for_characters_and_words():
    _, ((words, by_words), (text, by_letters)) = twins()
    traces = trace_gates(by_words, words), trace_gates(by_letters, text)
    asked = joined(split(words, WORD))[len("the") :]
    bits = float(traces[0].nll_nats_T[1:].astype(np.float64).sum()) / np.log(2)
    assert traces[0].bits_per_character == pytest.approx(bits / len(asked), rel=1e-12)
    assert traces[1].bits_per_character == pytest.approx(np.log2(traces[1].perplexity), rel=1e-6)
    assert trace_gates(by_words, "the whale sat").bits_per_character is None
    assert trace_gates(by_words, "the").bits_per_character is None
    cloze = CharModel(
        ModelConfig("gru", hidden_size=4, direction="bidirectional", objective="cloze"), by_letters.vocabulary, seed=0
    )
    trace = trace_gates(cloze, text)
    assert trace.bits_per_character == pytest.approx(np.log2(trace.perplexity), rel=1e-6)


def test_notices_speak_of_words():
    model = CharModel(ModelConfig("gru", hidden_size=8), Vocabulary.from_text(TEXT, WORD), seed=0)
    with explorer.words.speaking(token=WORD):
        (notice,) = notices(trace_gates(model, "the whale sat"))
        said = str(notice)
        missing = str(unread("the whale", split(TEXT, WORD)))
    assert "1 of 3 words is unknown to the model" in said
    assert "“whale”" in said
    assert re.search(r"It knows \d words, such as “the”", said)
    assert missing.startswith("50% of its words")
    assert unread("the cat", split(TEXT, WORD)) is None


def test_what_a_list_is_taken_for():
    assert (token_of("ab"), token_of(("a", "b")), token_of(["2024-01-01"])) == (CHARACTER, WORD, CHARACTER)
    assert torch.equal(Vocabulary.from_text(TEXT, WORD).encode(("the", "cat")), torch.tensor([1, 2]))


def test_a_model_of_words_that_another_program_trained_gives_what_torch_gives():
    words = ["<eos>", "<unk>", *dict.fromkeys(TEXT.split()), "don't"]
    torch.manual_seed(0)
    embed, lstm, head = torch.nn.Embedding(len(words), 6), torch.nn.LSTM(6, 5), torch.nn.Linear(5, len(words))
    state = {
        f"{name}.{key}": value
        for name, module in (("encoder", embed), ("rnn", lstm), ("decoder", head))
        for key, value in module.state_dict().items()
    }
    imported = explorer.import_model(state, vocabulary=words)
    text, read = "the cat sat.\nthe whale don't", ["the", "cat", "sat", ".", "<eos>", "the", "<unk>", "don't"]
    ids_T = torch.tensor([words.index(word) for word in read])
    with torch.no_grad():
        logits_TV = head(lstm(embed(ids_T))[0])
        nll_nats = torch.nn.functional.cross_entropy(logits_TV[:-1], ids_T[1:]).item()
    score = explorer.score_text(imported.model, text)
    assert score.mean_nll_nats == pytest.approx(nll_nats, rel=1e-6)
    assert imported.checkpoint("foreign").recipe.token == WORD


# ---- what a reviewer found


@pytest.mark.parametrize(
    "text",
    [
        "a never-to-be-forgotten-by-anyone-who-had-ever-seen-it-before look",
        "1.2.3.4.5.6.7.8.9.10.11.12.13.14.15.16.17.18.19.20.21.22 x",
        "a" * 49 + "-" + "b" * 10,
        "e" + "\u0301" * 60 + "z",
        "q'" * 40,
        "か\u3099 か \u3099",
    ],
)
def test_a_word_that_is_too_long_is_cut_where_it_stays_apart(text):
    words = split(text, WORD)
    assert split(joined(words), WORD) == words
    assert set(Vocabulary.from_text(text, WORD).symbols[1:]) == set(words)


def test_straight_marks_open_and_close_in_turn_among_words_too():
    assert Vocabulary.from_text("说 “ 看 ” 。 他", WORD).folded('他说"看"。') == ("他", "说", "“", "看", "”", "。")


def test_numbers_are_left_out_where_only_words_of_letters_are_known():
    known = Vocabulary.from_text("the time traveller", WORD)
    assert known.folded("the 3 time 12 12.5 traveller") == ("the", "time", "traveller")


def test_a_text_of_one_word_has_nothing_to_learn():
    request = RunRequest(ModelConfig(hidden_size=4), {"token": WORD, "batch_size": 2, "num_steps": 5}, "ha " * 300, corpus="own",
                         session="me")  # fmt: skip
    with explorer.words.speaking(token=WORD):
        assert "at least two different words" in str(request.problems()["text"])


@pytest.mark.parametrize("most", [1, 4, 100])
def test_the_first_steps_of_a_text(most):
    assert first_steps("He was home. He was", most, CHARACTER) == "He was home. He was"[:most]
    assert first_steps("He was home. He was", most, WORD) == {1: "He", 4: "He was home."}.get(
        most, "He was home. He was"
    )


@pytest.mark.parametrize(("offset", "step"), [(0, 0), (1, 1), (2, 1), (3, 2), (6, 2), (7, 3), (12, 4), (90, 4)])
def test_a_place_in_a_text_is_a_step(offset, step):
    words = split("He was home.", WORD)
    assert step_at(words, offset) == step
    assert step_at("He was home.", offset) == min(offset, 12)


def test_the_library_speaks_of_words_without_being_told():
    model = CharModel(ModelConfig("gru", hidden_size=8), Vocabulary.from_text(TEXT, WORD), seed=0)
    (finding,) = explorer.diagnose(model, "the cat sat").findings
    assert "words or more are needed; this text has 3" in str(finding)
    with pytest.raises(TextError, match=r"at least [\d,]+ words for this recipe"):
        train(model, "the cat sat", Recipe(token=WORD))
    with pytest.raises(TextError, match="at most 4,000 words"):
        explorer.gradient_flow(model, TEXT * 40)
    (notice,) = notices(trace_gates(model, "the whale"))
    assert "1 of 2 words is unknown" in str(notice)


def test_a_vocabulary_that_is_given_says_what_its_symbols_are():
    for ours in (Vocabulary.from_text("我 你 好 ，", WORD), Vocabulary.from_text("a b c d cat", WORD)):
        assert read_symbols(ours, len(ours)).vocabulary == ours


def test_what_is_too_much_for_a_checkpoint_is_refused_before_it_is_trained(tmp_path):
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = (f"{a}{b}{c}{d}e" for a in letters for b in letters for c in letters for d in letters)
    words = list(itertools.islice(words, 74_000))
    config, recipe = (
        ModelConfig(hidden_size=1, embedding_size=1),
        Recipe(token=WORD, epochs=1, batch_size=1, num_steps=5),
    )
    for count, refused in ((60_000, False), (74_000, True)):
        text = " ".join(words[:count])
        request = RunRequest(config, recipe, text, corpus="own", session="me", held_out_share=0)
        assert ("text" in request.problems()) == refused
        if not refused:
            model = CharModel(config, Vocabulary.from_text(text, WORD), seed=0)
            save_checkpoint(tmp_path / "a.safetensors", Checkpoint(model, recipe, 0, "own"))


def test_what_a_model_has_no_output_for_is_not_counted_against_it():
    words = list(dict.fromkeys(TEXT.split()))
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Embedding(len(words), 6), torch.nn.GRU(6, 5), torch.nn.Linear(5, len(words)))
    imported = explorer.import_model(module.state_dict(), vocabulary=words)
    assert not imported.model.names_unknown
    trace = trace_gates(imported.model, "the cat whale sat on")
    assert np.isnan(trace.nll_nats_T).tolist() == [True, False, True, False, False]
    assert trace.score.mean_nll_nats == pytest.approx(trace.nll_nats_T[[1, 3, 4]].mean(dtype=np.float64), rel=1e-6)
    assert trace.score.undefined_from is None
    assert "It has no output for them" in str(next(iter(notices(trace))))
    quantity = drawing.quantities(trace, trace.tape())[drawing.SURPRISE]
    told = drawing.described(trace, drawing.SURPRISE, quantity, 5)
    assert ["nothing stands before it" in told[0], "has no output for it" in told[2]] == [True, True]
    assert not any("finite" in said or "no output" in said for said in (told[1], *told[3:]))
    own = CharModel(ModelConfig("gru", hidden_size=8), Vocabulary.from_text(TEXT, WORD), seed=0)
    assert own.names_unknown
    assert np.isnan(trace_gates(own, "the cat whale sat on").nll_nats_T).tolist() == [True] + [False] * 4
