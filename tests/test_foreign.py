"""Files of other programs, written by these programs where they are at hand: called by their name, wherever they are brought."""

import gzip
import io
import json
import pickle
import random
import wave
import zipfile

import numpy as np
import onnx
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from PIL import Image
from safetensors.torch import save

from explorer.checkpoints import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from explorer.corpora import load_corpus
from explorer.foreign import kind_of_text, recognised
from explorer.models import CharModel, ModelConfig
from explorer.text import TextError, Vocabulary, decode_text
from explorer.training import Recipe
from explorer.words import say

WEIGHTS = torch.nn.GRU(3, 4).state_dict()


def written(write):
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def zipped(*names, compression=zipfile.ZIP_STORED):
    def write(file):
        with zipfile.ZipFile(file, "w", compression) as archive:
            for name in names:
                archive.writestr(name, "x" * 50)

    return written(write)


def onnx_model(**fields):
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in "xy"]
    graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "g", ends[:1], ends[1:])
    model = helper.make_model(graph, **fields)
    onnx.checker.check_model(model)
    return model.SerializeToString()


def image(kind):
    return written(lambda file: Image.new("RGB", (8, 8)).save(file, kind))


def sound(file):
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8_000)
        recording.writeframes(bytes(100))


PYTORCH, PICKLE = "a PyTorch file (.pth, .pt)", "a Python pickle (.pkl, .pt)"
FILES = {
    "pth": (written(lambda file: torch.save(WEIGHTS, file)), PYTORCH),
    "pth-legacy": (written(lambda file: torch.save(WEIGHTS, file, _use_new_zipfile_serialization=False)), PYTORCH),
    "pth-named": (zipped("model/data.pkl", "model/version"), PYTORCH),
    **{f"pickle-{n}": (pickle.dumps({"a": [1, 2.5]}, protocol=n), PICKLE) for n in range(2, pickle.HIGHEST_PROTOCOL + 1)},
    "npy": (written(lambda file: np.save(file, np.zeros(3))), "a NumPy array (.npy)"),
    "npz": (written(lambda file: np.savez(file, a=np.zeros(3), b=np.ones(2))), "a NumPy archive (.npz)"),
    "npz-compressed": (written(lambda file: np.savez_compressed(file, a=np.zeros(3))), "a NumPy archive (.npz)"),
    "onnx": (onnx_model(), "an ONNX model"),
    "onnx-pytorch": (onnx_model(producer_name="pytorch", producer_version="2.1"), "an ONNX model"),
    "h5": (b"\x89HDF\r\n\x1a\n\0\0\0\0\0\x08\x08\0" + bytes(99), "an HDF5 file, such as a Keras .h5 model"),
    "keras": (zipped("metadata.json", "config.json", "model.weights.h5"), "a Keras model (.keras)"),
    "docx": (zipped("[Content_Types].xml", "word/document.xml"), "a Word document (.docx)"),
    "docx-deflated": (zipped("word/document.xml", compression=zipfile.ZIP_DEFLATED), "a Word document (.docx)"),
    "xlsx": (zipped("[Content_Types].xml", "xl/workbook.xml"), "an Excel table (.xlsx)"),
    "epub": (zipped("mimetype", "META-INF/container.xml"), "an e-book (.epub)"),
    "odt": (zipped("mimetype", "META-INF/manifest.xml"), "an OpenDocument file (.odt, .ods, .odp)"),
    "zip": (zipped("poems/one.txt"), "a ZIP archive"),
    "zip-empty": (zipped(), "a ZIP archive"),
    "pdf": (b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n", "a PDF document"),
    "rtf": (b"{\\rtf1\\ansi Hello}", "an RTF document"),
    "doc": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(99), "an old Word, Excel or PowerPoint file (.doc, .xls, .ppt)"),
    "gzip": (gzip.compress(b"text"), "a gzip-compressed file (.gz)"),
    "wav": (written(sound), "a WAV recording"),
    **{
        kind: (image(kind), f"a {kind} image") for kind in ("PNG", "JPEG", "GIF", "BMP", "TIFF")
    },
    "webp": (image("WEBP"), "a WebP image"),
    "gguf": (b"GGUF\x03\0\0\0" + bytes(20), "a GGUF model"),
    "safetensors": (save({"a": torch.zeros(3)}, {"format": "pt"}), "a .safetensors file"),
}  # fmt: skip
UNMARKED = {name: case for name, case in FILES.items() if name != "safetensors"}


@pytest.mark.parametrize(("data", "name"), FILES.values(), ids=FILES)
def test_a_file_is_called_by_its_name(data, name):
    assert say(recognised(data)) == name


@pytest.mark.parametrize("format_name", ["pth", "pth-legacy", "npy", "npz", "onnx", "keras", "docx", "PNG", "pickle-4"])
def test_a_file_that_is_cut_off_is_still_called_by_its_name(format_name):
    data, name = FILES[format_name]
    assert say(recognised(data[: len(data) * 2 // 3])) == name


@pytest.mark.parametrize(("data", "name"), UNMARKED.values(), ids=UNMARKED)
def test_brought_as_a_checkpoint_it_is_named_with_what_can_be_done(data, name, tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(CheckpointError) as caught:
            load_checkpoint(source)
        message = str(caught.value)
        assert message.startswith(f"Expected a checkpoint of this program; this is {name}. ")
        assert "python -m explorer train" in message
        assert "page Train" in message


@pytest.mark.parametrize(("data", "name"), FILES.values(), ids=FILES)
@pytest.mark.parametrize("encoding", [None, "latin-1"])
def test_brought_as_a_text_it_is_named_with_what_to_bring_instead(data, name, encoding):
    with pytest.raises(TextError) as caught:
        decode_text(data, encoding)
    assert str(caught.value) == f"Expected plain text; this is {name}. Save or copy the text you mean into a .txt file."


@pytest.mark.parametrize(("metadata"), [None, {"format": "pt"}, {"anything": "else"}])
def test_plain_safetensors_are_told_from_a_checkpoint(metadata):
    with pytest.raises(CheckpointError, match=r"another program's|format gate-explorer/3") as caught:
        load_checkpoint(save({"a": torch.zeros(3)}, metadata))
    if metadata is None or "format" in metadata:
        assert "neither vocabulary nor configuration" in str(caught.value)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    path = tmp_path_factory.mktemp("own") / "model.safetensors"
    model = CharModel(ModelConfig(hidden_size=4), Vocabulary.from_text("abc"), seed=0)
    save_checkpoint(path, Checkpoint(model, Recipe(), 0, "abc"))
    return path.read_bytes()


def test_a_checkpoint_of_this_program_opens_and_cut_off_it_says_so(own):
    assert load_checkpoint(own).corpus == "abc"
    for length in (12, 100):
        with pytest.raises(CheckpointError, match="cut off"):
            load_checkpoint(own[:length])
    with pytest.raises(CheckpointError, match="bytes of weights"):
        load_checkpoint(own[:-1])


def test_a_large_foreign_file_is_named_before_its_size(tmp_path):
    path = tmp_path / "big.pth"
    path.write_bytes(FILES["pth"][0] + bytes(26_000_000))
    for source in (path, path.read_bytes()):
        with pytest.raises(CheckpointError, match=r"this is a PyTorch file"):
            load_checkpoint(source)
    with pytest.raises(CheckpointError, match="at most 25 MB"):
        load_checkpoint(b"\xf0\x01" + bytes(26_000_000))


TEXTS = {
    "prose": ("The river is long.\n", "a text file"),
    "chinese": ("河水从山里来" * 2_000, "a text file"),
    "json": (json.dumps({"a": 1}), "a text file"),
    "page": ("\n<!DOCTYPE html><html>", "a web page (HTML), not the file that was to be downloaded"),
    "pointer": (
        "version https://git-lfs.github.com/spec/v1\noid sha256:0",
        "a Git LFS pointer, which stands for the real file; fetch that with `git lfs pull`",
    ),
}


@pytest.mark.parametrize(("text", "name"), TEXTS.values(), ids=TEXTS)
def test_a_text_brought_as_a_checkpoint_is_called_one(text, name):
    for data in (text.encode(), text.encode("utf-8-sig")):
        assert recognised(data) is None
        assert say(kind_of_text(data)) == name
        with pytest.raises(CheckpointError, match="Expected a checkpoint of this program; this is a"):
            load_checkpoint(data)
    assert kind_of_text(text.encode("utf-16")) == "file.text"


@pytest.mark.parametrize(
    "text",
    [
        "BMW builds cars.", "GIFs are images.", "PK is short for Pakistan.", "ID3 tags", "Rare!", "GGUF is a format.", "MM",
        "%PDF is how a PDF begins", "RIFF, said the dog. WAVE", "BZh is bzip2", "{\"a\": 1}", "OTTO", "wOFF", "ustar", "II*",
    ],
)  # fmt: skip
def test_a_text_that_begins_like_a_format_is_a_text(text):
    assert recognised(text.encode()) is None
    assert decode_text(text.encode()).text == text


@pytest.mark.parametrize("corpus", ["lighthouse", "river-town"])
@pytest.mark.parametrize("codec", ["utf-8", "utf-16", "utf-16-le", "gb18030"])
def test_no_piece_of_a_text_is_taken_for_a_format(corpus, codec):
    book = load_corpus(corpus)
    pieces = [book[start : start + 400].encode(codec) for start in range(0, len(book), 97)]
    assert [piece[:12] for piece in pieces if recognised(piece)] == []


def test_nothing_is_unpickled(tmp_path):
    class Trap:
        def __reduce__(self):
            return (tmp_path.joinpath("sprung").touch, ())

    for data in (pickle.dumps(Trap()), written(lambda file: torch.save(Trap(), file))):
        with pytest.raises(CheckpointError):
            load_checkpoint(data)
    assert not (tmp_path / "sprung").exists()


@given(st.sampled_from(sorted(FILES)), st.integers(0, 2**32))
@settings(deadline=None, max_examples=300)
def test_a_damaged_file_is_named_or_not_but_never_an_accident(format_name, seed):
    generator = random.Random(seed)
    data = bytearray(FILES[format_name][0][: generator.randrange(10, 5_000)])
    for _ in range(generator.randrange(1, 9)):
        data[generator.randrange(len(data))] = generator.randrange(256)
    for name in (recognised(bytes(data)), kind_of_text(bytes(data))):
        assert name is None or say(name).startswith(("a ", "an "))
