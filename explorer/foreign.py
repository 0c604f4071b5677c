"""What a file is that somebody else's program wrote, by its content: named so that an error can say what came.

Nothing is unpickled and nothing is decompressed; of a ZIP archive only the names inside are read.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from itertools import islice

SAFETENSORS = "a .safetensors file"

# What files begin with. From the formats' own specifications; text that happens to begin like one is not among them.
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "a PDF document"),
    (b"{\\rtf", "an RTF document"),
    (b"%!PS-Adobe", "a PostScript document"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Word, Excel or PowerPoint file (.doc, .xls, .ppt)"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF87a", "a GIF image"),
    (b"GIF89a", "a GIF image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"8BPS\0", "a Photoshop image"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as a Keras .h5 model"),
    (b"\x93NUMPY", "a NumPy array (.npy)"),
    (b"GGUF\1\0\0\0", "a GGUF model"),
    (b"GGUF\2\0\0\0", "a GGUF model"),
    (b"GGUF\3\0\0\0", "a GGUF model"),
    (b"\x1f\x8b\x08", "a gzip-compressed file (.gz)"),
    (b"\xfd7zXZ\0", "an xz-compressed file (.xz)"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard-compressed file (.zst)"),
    (b"SQLite format 3\0", "an SQLite database"),
    (b"\x7fELF", "a program (ELF)"),
    (b"\xcf\xfa\xed\xfe", "a program (Mach-O)"),
    (b"\xca\xfe\xba\xbe", "a program (Java or Mach-O)"),
    (b"\0asm", "a program (WebAssembly)"),
    (b"ID3\x02", "an MP3 recording"),
    (b"ID3\x03", "an MP3 recording"),
    (b"ID3\x04", "an MP3 recording"),
    (b"OggS\0", "an Ogg recording"),
    (b"fLaC\0", "a FLAC recording"),
    (b"\x1a\x45\xdf\xa3", "a Matroska or WebM film"),
    (b"ARROW1\0\0", "an Arrow table"),
    (b"PAR1\x15", "a Parquet table"),
    (b"wOFF\0\1\0\0", "a font"),
    (b"wOF2\0\1\0\0", "a font"),
    (b"\0\1\0\0\0", "a font"),
    (b"OTTO\0", "a font"),
)  # fmt: skip
_LATER: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "a film, a recording or a HEIC image (MP4 family)"),
    (4, b"TFL3", "a TensorFlow Lite model"),
    (257, b"ustar", "a tar archive"),
    (512, b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as a Keras .h5 model"),
)
_IN_RIFF = {b"WAVE": "a WAV recording", b"WEBP": "a WebP image", b"AVI ": "an AVI film"}
_ZIPPED: tuple[tuple[str, str], ...] = (
    (r"(^|/)data\.pkl$", "a PyTorch file (.pth, .pt)"),
    (r"^(model\.weights\.h5|metadata\.json\n(.*\n)*config\.json)$", "a Keras model (.keras)"),
    (r"^word/", "a Word document (.docx)"),
    (r"^xl/", "an Excel table (.xlsx)"),
    (r"^ppt/", "a PowerPoint presentation (.pptx)"),
    (r"^META-INF/container\.xml$", "an e-book (.epub)"),
    (r"^META-INF/manifest\.xml$", "an OpenDocument file (.odt, .ods, .odp)"),
    (r"^META-INF/MANIFEST\.MF$", "a Java or Android program"),
)
_TORCH_LEGACY = bytes.fromhex("6cfc9c46f9206aa85019")  # the magic number that torch.save wrote before 1.6


def recognised(data: bytes) -> str | None:
    """A name for the format of a file, with its article ("a PDF document"); None for text and for what is not known."""
    for beginning, name in _BEGINNINGS:
        if data.startswith(beginning):
            return name
    for offset, mark, name in _LATER:
        if data[offset : offset + len(mark)] == mark:
            return name
    return (
        _riff(data) or _bitmap(data) or _bzip2(data) or _zip(data) or _pickle(data) or _safetensors(data) or _onnx(data)
    )


def kind_of_text(data: bytes) -> str | None:
    """A name for a text, where something else was expected; None for what is none."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "a text file"
    text = data[:4096].decode("utf-8", "replace").removeprefix("\ufeff")
    if re.search("[\0-\x08\x0e-\x1b]", text):
        return None
    if text.startswith("version https://git-lfs"):
        return "a Git LFS pointer, which stands for the real file; fetch that with `git lfs pull`"
    if re.match(r"\s*<(!doctype html|html)", text, re.IGNORECASE):
        return "a web page (HTML), not the file that was to be downloaded"
    return "a text file" if text.strip() else None


def _riff(data: bytes) -> str | None:
    return _IN_RIFF.get(data[8:12]) if data.startswith(b"RIFF") else None


def _bitmap(data: bytes) -> str | None:
    """BMP: "BM", the file's size, four zero bytes; two letters alone can begin a text."""
    return "a BMP image" if data.startswith(b"BM") and data[6:10] == bytes(4) and len(data) > 26 else None


def _bzip2(data: bytes) -> str | None:
    return "a bzip2-compressed file (.bz2)" if re.match(rb"BZh[1-9]1AY&SY", data) else None


def _zip(data: bytes) -> str | None:
    if not data.startswith((b"PK\3\4", b"PK\5\6")):
        return None
    names = "\n".join(_names_in_zip(data))
    for pattern, name in _ZIPPED:
        if re.search(pattern, names, re.MULTILINE):
            return name
    if names and all(name.endswith(".npy") for name in names.split("\n")):
        return "a NumPy archive (.npz)"
    return "a ZIP archive"


def _names_in_zip(data: bytes) -> list[str]:
    """The names in the archive's directory; of one that is cut off, those before its first files."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OverflowError, EOFError, OSError, struct.error):
        starts = [match.start() for match in islice(re.finditer(b"PK\3\4", data), 50)]
        lengths = [int.from_bytes(data[at + 26 : at + 28], "little") for at in starts]
        return [data[at + 30 : at + 30 + n].decode("utf-8", "replace") for at, n in zip(starts, lengths, strict=True)]


def _pickle(data: bytes) -> str | None:
    if re.match(rb"\x80[\x02-\x05]", data) is None:
        return None
    if _TORCH_LEGACY in data[:64]:
        return "a PyTorch file (.pth, .pt)"
    # Protocols 4 and 5 begin with a frame; 2 and 3 with a mark, a class, a list, a dict, a number or a text.
    follows = b"\x95" if data[1] >= 4 else b"c(]}XKJGNU\x8aq"
    return "a Python pickle (.pkl, .pt)" if data[2:3] and data[2] in follows else None


def _safetensors(data: bytes) -> str | None:
    length = int.from_bytes(data[:8], "little")
    return SAFETENSORS if 2 <= length < 100_000_000 and data[8:10] in (b'{"', b"{}") else None


def _onnx(data: bytes) -> str | None:
    """ONNX: protocol buffers, first the version of the format (field 1), later a graph (7) or operator sets (8)."""
    if len(data) < 4 or data[0] != 0x08 or not 1 <= data[1] <= 31:
        return None
    at, seen = 2, 0
    while at < len(data) and seen < 16:
        field, kind = data[at] >> 3, data[at] & 7
        if field in (7, 8) and kind == 2:
            return "an ONNX model"
        if field not in (2, 3, 4, 5, 6, 14, 20, 25):
            return None
        value, at = _varint(data, at + (2 if data[at] >= 0x80 else 1))
        at += value if kind == 2 else 0
        seen += 1
    return None


def _varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of protocol buffers, and where it ends."""
    value = shift = 0
    while at < len(data) and shift < 63:
        value |= (data[at] & 0x7F) << shift
        shift += 7
        at += 1
        if data[at - 1] < 0x80:
            break
    return value, at
