"""What a file is that somebody else's program wrote, by its content: a code of words, so that an error can say what came.

Nothing is unpickled and nothing is decompressed; of a ZIP archive only the names inside are read.
"""

from __future__ import annotations

import io
import re
import struct
import zipfile
from itertools import islice

SAFETENSORS = "file.safetensors"

# What files begin with. From the formats' own specifications; text that happens to begin like one is not among them.
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", "file.pdf"),
    (b"{\\rtf", "file.rtf"),
    (b"%!PS-Adobe", "file.postscript"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "file.old-office"),
    (b"\x89PNG\r\n\x1a\n", "file.png"),
    (b"\xff\xd8\xff", "file.jpeg"),
    (b"GIF87a", "file.gif"),
    (b"GIF89a", "file.gif"),
    (b"II*\0", "file.tiff"),
    (b"MM\0*", "file.tiff"),
    (b"8BPS\0", "file.photoshop"),
    (b"\x89HDF\r\n\x1a\n", "file.hdf5"),
    (b"\x93NUMPY", "file.npy"),
    (b"GGUF\1\0\0\0", "file.gguf"),
    (b"GGUF\2\0\0\0", "file.gguf"),
    (b"GGUF\3\0\0\0", "file.gguf"),
    (b"\x1f\x8b\x08", "file.gzip"),
    (b"\xfd7zXZ\0", "file.xz"),
    (b"7z\xbc\xaf\x27\x1c", "file.7zip"),
    (b"Rar!\x1a\x07", "file.rar"),
    (b"\x28\xb5\x2f\xfd", "file.zstandard"),
    (b"SQLite format 3\0", "file.sqlite"),
    (b"\x7fELF", "file.elf"),
    (b"\xcf\xfa\xed\xfe", "file.mach-o"),
    (b"\xca\xfe\xba\xbe", "file.java-or-mach-o"),
    (b"\0asm", "file.webassembly"),
    (b"ID3\x02", "file.mp3"),
    (b"ID3\x03", "file.mp3"),
    (b"ID3\x04", "file.mp3"),
    (b"OggS\0", "file.ogg"),
    (b"fLaC\0", "file.flac"),
    (b"\x1a\x45\xdf\xa3", "file.matroska"),
    (b"ARROW1\0\0", "file.arrow"),
    (b"PAR1\x15", "file.parquet"),
    (b"wOFF\0\1\0\0", "file.font"),
    (b"wOF2\0\1\0\0", "file.font"),
    (b"\0\1\0\0\0", "file.font"),
    (b"OTTO\0", "file.font"),
)  # fmt: skip
_LATER: tuple[tuple[int, bytes, str], ...] = (
    (4, b"ftyp", "file.mp4"),
    (4, b"TFL3", "file.tensorflow-lite"),
    (257, b"ustar", "file.tar"),
    (512, b"\x89HDF\r\n\x1a\n", "file.hdf5"),
)
_IN_RIFF = {b"WAVE": "file.wav", b"WEBP": "file.webp", b"AVI ": "file.avi"}
_ZIPPED: tuple[tuple[str, str], ...] = (
    (r"(^|/)data\.pkl$", "file.pytorch"),
    (r"^(model\.weights\.h5|metadata\.json\n(.*\n)*config\.json)$", "file.keras"),
    (r"^word/", "file.docx"),
    (r"^xl/", "file.xlsx"),
    (r"^ppt/", "file.pptx"),
    (r"^META-INF/container\.xml$", "file.epub"),
    (r"^META-INF/manifest\.xml$", "file.opendocument"),
    (r"^META-INF/MANIFEST\.MF$", "file.java"),
)
_TORCH_LEGACY = bytes.fromhex("6cfc9c46f9206aa85019")  # the magic number that torch.save wrote before 1.6


def recognised(data: bytes) -> str | None:
    """A name for the format of a file, with its article ("file.pdf"); None for text and for what is not known."""
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
    """What kind of text it is, where something else was expected, as a code of words; None for what is none."""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "file.text"
    text = data[:4096].decode("utf-8", "replace").removeprefix("\ufeff")
    if re.search("[\0-\x08\x0e-\x1b]", text):
        return None
    if text.startswith("version https://git-lfs"):
        return "file.git-lfs"
    if re.match(r"\s*<(!doctype html|html)", text, re.IGNORECASE):
        return "file.web-page"
    return "file.text" if text.strip() else None


def _riff(data: bytes) -> str | None:
    return _IN_RIFF.get(data[8:12]) if data.startswith(b"RIFF") else None


def _bitmap(data: bytes) -> str | None:
    """BMP: "BM", the file's size, four zero bytes; two letters alone can begin a text."""
    return "file.bmp" if data.startswith(b"BM") and data[6:10] == bytes(4) and len(data) > 26 else None


def _bzip2(data: bytes) -> str | None:
    return "file.bzip2" if re.match(rb"BZh[1-9]1AY&SY", data) else None


def _zip(data: bytes) -> str | None:
    if not data.startswith((b"PK\3\4", b"PK\5\6")):
        return None
    names = "\n".join(_names_in_zip(data))
    for pattern, name in _ZIPPED:
        if re.search(pattern, names, re.MULTILINE):
            return name
    if names and all(name.endswith(".npy") for name in names.split("\n")):
        return "file.npz"
    return "file.zip"


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
        return "file.pytorch"
    # Protocols 4 and 5 begin with a frame; 2 and 3 with a mark, a class, a list, a dict, a number or a text.
    follows = b"\x95" if data[1] >= 4 else b"c(]}XKJGNU\x8aq"
    return "file.pickle" if data[2:3] and data[2] in follows else None


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
            return "file.onnx"
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
