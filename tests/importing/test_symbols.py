"""Vocabularies as people keep them; the oracle is the rule by which the tutorials themselves number characters."""

import json
import pickle
import string

import pytest
import torch
from torch import nn

from explorer import ImportRefusedError, Vocabulary, import_model, score_text
from explorer.importing.symbols import RULES, read_symbols
from readers import Reader

TEXT = "The lamp was lit, the lamp was Out.\nÉ!"


def refused(given, count=5, **options):
    with pytest.raises(ImportRefusedError) as caught:
        read_symbols(given, count, **options)
    assert "\n" not in str(caught.value)
    return caught.value


def known(given, count, **options):
    """The file's symbols by their numbers, as they were understood."""
    symbols = read_symbols(given, count, **options)
    assert len(symbols.rows) == len(symbols.vocabulary)
    pairs = zip(symbols.rows, symbols.vocabulary.symbols, strict=True)
    return [symbol for row, symbol in sorted(pairs) if row >= 0]


@pytest.mark.parametrize(
    "given",
    [list("abc\n"), tuple("abc\n"), "abc\n", {"a": 0, "b": 1, "c": 2, "\n": 3}, {0: "a", 1: "b", 2: "c", 3: "\n"},
     {"0": "a", "1": "b", "2": "c", "3": "\n"}, {"\n": 3, "c": 2, "b": 1, "a": 0}],
)  # fmt: skip
def test_symbols_in_memory(given, tmp_path):
    assert known(given, 4) == list("abc\n")
    if not isinstance(given, str):
        (tmp_path / "v.json").write_text(json.dumps(given), encoding="utf-8")
        assert known(tmp_path / "v.json", 4) == list("abc\n")


def test_the_usual_hundred():
    assert known(string.printable, 100) == list(string.printable)


@pytest.mark.parametrize("content", ["abc\n", "a\nb\nc\n\\n\n", "a\nb\nc\n\n"])
def test_a_file_of_symbols(tmp_path, content):
    (tmp_path / "symbols.txt").write_text(content, encoding="utf-8")
    assert known(tmp_path / "symbols.txt", 4) == list("abc\n")


def test_the_text_and_its_rule(tmp_path):
    (tmp_path / "text.txt").write_text(TEXT, encoding="utf-8")
    rules = {
        "sorted": sorted(set(TEXT)),
        "folded": sorted(set(TEXT.lower())),
        "frequency": sorted(dict.fromkeys(TEXT), key=TEXT.count, reverse=True),
    }
    assert set(rules) == set(RULES)
    for rule, expected in rules.items():
        for given in (TEXT, tmp_path / "text.txt"):
            assert known(given, len(expected), rule=rule) == expected
    counted = read_symbols(TEXT, len(rules["sorted"]), "sorted").vocabulary
    assert counted.counts == (0, *(TEXT.count(symbol) for symbol in counted.symbols[1:]))


def test_an_unknown_symbol_of_its_own_becomes_ours():
    for given in (["a", "<unk>", "b"], {"a": 0, "<UNK>".lower(): 1, "b": 2}, {"a": 0, "UNK": 1, "b": 2}):
        symbols = read_symbols(given, 3)
        assert symbols.vocabulary.symbols == ("<unk>", "a", "b")
        assert symbols.rows == (1, 0, 2)
        assert symbols.notes == ()


def test_a_vocabulary_of_ours_keeps_its_counts():
    ours = Vocabulary.from_text("aabbbc")
    symbols = read_symbols(ours, 4)
    assert symbols.vocabulary == ours
    assert symbols.rows == (0, 1, 2, 3)


def test_what_is_no_character_gets_a_stand_in():
    symbols = read_symbols(["<pad>", "a", "<eos>", "b"], 4)
    assert symbols.vocabulary.symbols == ("<unk>", "\ue000", "a", "\ue001", "b")
    assert [note.code for note in symbols.notes] == [
        "import.note.unknown-added",
        "import.note.stand-in",
        "import.note.stand-in",
    ]
    gap = read_symbols({"a": 1, "b": 2}, 3)  # Keras' tokenizer counts from 1
    assert gap.vocabulary.symbols == ("<unk>", "\ue000", "a", "b")


def test_words_are_symbols_too():
    symbols = read_symbols(
        ["<pad>", "<unk>", "<eos>", "the", "cat", ",", "don't", *(f"word{n}" for n in range(20))], 27
    )
    assert symbols.vocabulary.token == "word"
    assert symbols.vocabulary.symbols[:6] == ("<unk>", "\ue000", "\n", "the", "cat", ",")
    assert symbols.rows[:6] == (1, 0, 2, 3, 4, 5)
    assert [note.code for note in symbols.notes] == [
        "import.note.words",
        "import.note.line-end",
        "import.note.stand-in",
    ]
    assert symbols.vocabulary.encode("the whale,\ndon't").tolist() == [3, 0, 5, 2, 6]


def test_what_makes_no_vocabulary_is_refused(tmp_path):
    assert refused("abc").argument == "vocabulary"
    assert "numbered up to 9" in str(refused({"a": 9}))
    assert refused("abcaa").code == "import.symbol-twice"
    assert refused([f"▁word{n}" for n in range(200)], 200).code == "import.words"
    assert refused(["a", "cat", "sat on"], 3).code == "import.words"
    for odd in ([1, 2, 3, 4, 5], {"a": "b"}, {"a": 0.5}, 7, b"abcde", {("a",): 0}, {"a": True}, [["a"]] * 5):
        assert refused(odd).argument == "vocabulary"
    assert refused(TEXT, rule="by heart").argument == "rule"
    assert refused(list("abc"), rule="sorted").argument == "rule"
    (tmp_path / "v.json").write_text("[1, 2", encoding="utf-8")
    (tmp_path / "latin.txt").write_bytes("é".encode("latin-1"))
    (tmp_path / "text.pdf").write_bytes(b"%PDF-1.7")
    refused(tmp_path / "v.json")
    refused(tmp_path / "latin.txt")
    refused(tmp_path / "none.json")
    refused(tmp_path / "text.pdf", rule="sorted")


def test_a_model_without_a_vocabulary_is_refused():
    with pytest.raises(ImportRefusedError, match="12 symbols") as caught:
        import_model(Reader("gru"))
    assert caught.value.argument == "vocabulary"


# ---- a sample tells the reset convention


class ResetBefore(nn.Module):
    """A GRU as the paper of 2014 has it, under the names of torch's."""

    def __init__(self, symbols):
        super().__init__()
        self.gru, self.fc = nn.GRUCell(symbols, 24), nn.Linear(24, symbols)

    def forward(self, x_TV):
        w_hh, b_hh = self.gru.weight_hh.chunk(3), self.gru.bias_hh.chunk(3)
        h_H, logits = torch.zeros(24), []
        for x_V in x_TV:
            x_r, x_z, x_n = (self.gru.weight_ih @ x_V + self.gru.bias_ih).chunk(3)
            r, z = torch.sigmoid(x_r + w_hh[0] @ h_H + b_hh[0]), torch.sigmoid(x_z + w_hh[1] @ h_H + b_hh[1])
            n = torch.tanh(x_n + w_hh[2] @ (r * h_H) + b_hh[2])
            h_H = z * h_H + (1 - z) * n
            logits.append(self.fc(h_H))
        return torch.stack(logits)


def trained(module, text, symbols, steps=60):
    ids_T = torch.tensor([symbols.index(c) for c in text])
    x_TV = nn.functional.one_hot(ids_T, len(symbols)).float()
    optimizer = torch.optim.Adam(module.parameters(), lr=0.03)
    for _ in range(steps):
        logits = module(x_TV[:-1])
        loss = nn.functional.cross_entropy(logits, ids_T[1:])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        return float(nn.functional.cross_entropy(module(x_TV[:-1]), ids_T[1:]))


def test_a_sample_chooses_the_reset_convention():
    torch.manual_seed(5)
    text = "the rain in spain falls mainly on the plain. "
    symbols = sorted(set(text))
    module = ResetBefore(len(symbols))
    nats = trained(module, text, symbols)
    told = import_model(module.state_dict(), vocabulary=symbols, sample=text)
    assert told.model.config.reset == "before"
    assert told.report.nll_nats["before"] == pytest.approx(nats, abs=1e-5)
    assert told.report.nll_nats["after"] > nats + 0.1
    assert "import.note.resets" in [note.code for note in told.report.notes]
    assumed = import_model(module.state_dict(), vocabulary=symbols)
    assert assumed.model.config.reset == "after"
    assert "import.note.reset-assumed" in [note.code for note in assumed.report.notes]
    asked = import_model(module.state_dict(), vocabulary=symbols, sample=text, reset="after")
    assert asked.model.config.reset == "after"
    known = import_model(
        Reader("gru"), vocabulary=string.ascii_letters[:12], sample="abcabc"
    )  # torch's own says what it is
    assert known.model.config.reset == "after"


def test_the_perplexity_of_a_sample_is_that_of_score_text():
    imported = import_model(Reader("lstm"), vocabulary="abcdefghij \n", sample="a bad dad")
    (nats,) = imported.report.nll_nats.values()
    assert nats == pytest.approx(score_text(imported.model, "a bad dad").mean_nll_nats)
    with pytest.raises(ImportRefusedError) as caught:
        import_model(Reader("lstm"), vocabulary="abcdefghij \n", sample="a")
    assert caught.value.argument == "sample"


def test_without_counts_every_symbol_is_as_frequent():
    import math

    from explorer import diagnose, trace_gates

    model = import_model(Reader("gru"), vocabulary="abcdefghij \n").model
    assert trace_gates(model, "a bad dad").unigram_nll_nats_T == pytest.approx(math.log(13))
    diagnose(model, "a bad dad fed a jig " * 4)


def test_a_file_of_several_that_say_the_same(tmp_path):
    symbols = list("abc\n")
    to_number = {symbol: number for number, symbol in enumerate(symbols)}
    for both in ((symbols, to_number, dict(enumerate(symbols))), {"hidden": 3, "chars": symbols, "stoi": to_number}):
        (tmp_path / "v.pkl").write_bytes(pickle.dumps(both))
        (tmp_path / "v.json").write_text(json.dumps(both), encoding="utf-8")
        assert known(tmp_path / "v.pkl", 4) == symbols
        assert known(tmp_path / "v.json", 4) == symbols
    (tmp_path / "v.pkl").write_bytes(pickle.dumps((symbols, symbols[::-1])))
    assert refused(tmp_path / "v.pkl", 4).candidates == ("0", "1")


def test_a_vocabulary_that_the_checkpoint_holds():
    module = Reader("gru")
    letters = "abcdefghij \n"
    numbers = {letter: number for number, letter in enumerate(letters)}
    saved = {
        "model": module.state_dict(),
        "config": {"hidden": 7, "layers": 1},
        "stoi": numbers,
        "itos": dict(enumerate(letters)),
    }
    assert import_model(saved).model.vocabulary.symbols[1:] == tuple(letters)


@pytest.mark.parametrize(
    ("name", "written"), [("s.txt", "abcdefghij"), ("s.txt", "\n".join("abcdefghij")), ("s.json", '["a", "b"]')]
)
def test_a_list_in_a_file_has_all_symbols_as_a_list_in_memory_must(tmp_path, name, written):
    path = tmp_path / name
    path.write_text(written, "utf-8")
    with pytest.raises(ImportRefusedError, match="20"):
        read_symbols(path, 20)
    (tmp_path / "map.json").write_text('{"a": 0, "b": 3}', "utf-8")  # the control: a map may leave numbers out
    assert len(read_symbols(tmp_path / "map.json", 20).vocabulary) >= 3


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_the_activation_of_a_plain_net_is_found_by_a_sample_or_said_to_be_assumed(activation):
    text = "ab ba abba baab " * 40
    vocabulary = Vocabulary.from_text(text)
    torch.manual_seed(0)
    rnn, head = nn.RNN(len(vocabulary), 12, nonlinearity=activation), nn.Linear(12, len(vocabulary))
    ids = vocabulary.encode(text)
    optimizer = torch.optim.Adam([*rnn.parameters(), *head.parameters()], lr=1e-2)
    for _ in range(60):
        optimizer.zero_grad()
        outputs = head(rnn(nn.functional.one_hot(ids[:-1], len(vocabulary)).float())[0])
        loss = nn.functional.cross_entropy(outputs, ids[1:])
        loss.backward()
        optimizer.step()
    state = {f"rnn.{name}": p for name, p in rnn.state_dict().items()} | {
        f"head.{n}": p for n, p in head.state_dict().items()
    }
    symbols = list(vocabulary.symbols)
    told = import_model(state, vocabulary=symbols, sample=text)
    assert told.model.config.activation == activation
    assert "import.note.activations" in [note.code for note in told.report.notes]
    assert min(told.report.nll_nats, key=told.report.nll_nats.get) == activation
    assumed = import_model(state, vocabulary=symbols)
    assert assumed.model.config.activation == "tanh"
    assert "import.note.activation-assumed" in [note.code for note in assumed.report.notes]
    named = import_model(state, vocabulary=symbols, activation=activation)
    assert not {"import.note.activations", "import.note.activation-assumed"} & {
        note.code for note in named.report.notes
    }
