"""The text in front of the person: a sentence, a longer text, or a file. Each stays until it is replaced."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

import streamlit as st

import explorer
from explorer.encodings import ENCODINGS
from explorer.pages.shell import links, session
from explorer.pages.shell.controls import called
from explorer.pages.shell.plain import plain
from explorer.text import MAX_FILE_BYTES, DecodedText, TextError, clean_text, decode_text
from explorer.tokens import WORD
from explorer.words import say

MAX_ANALYSED = 20_000
MAX_SENTENCE = 2_000
# A sentence for each corpus that begins as the corpus does and then leaves it, so that the surprise shows where.
EXAMPLES = {
    "time-machine": "the time traveller for so it will be convenient to teach a small machine to keep a secret",
    "lighthouse": 'He looked back at the harbour. "Turn the light, and bring the little network home." Then he was sorry.',
    "river-town": "小满站在渡口，看着河水慢慢地流，心里想着明天的船。风从山那边吹来，她数着河上的灯，一盏，两盏，三盏，"
    "然后慢慢走回家，把今天的事写进信里。",
}
# A second sentence for each, in which the same units have something to do.
OTHERS = {
    "lighthouse": 'The keeper went up the stairs and counted them. "One more," he said. Then he looked at the sea. "And that was '
    'all."',
    "river-town": "她说：“船来了。”他没有听见，一个人坐在桥上。“快走吧。”她又说。",
}
# For a model of words, which knows those of its text alone, and to which a sentence is a few steps.
OF_WORDS = {
    "lighthouse": 'He looked back at the harbour. "Turn the light, and bring the little boat home." Then he was sorry. "What is '
    'it?" he asked, and the boy did not look up. "It was the sea," said the old man, and shut the door.',
}
SENTENCE, LONGER, FILE = "sentence", "longer", "file"
SOURCES = (SENTENCE, LONGER, FILE)
RECOGNISED = "recognised"


@dataclass(frozen=True)
class Upload:
    """A file that a person brought: its name and its bytes."""

    name: str
    data: bytes


def choose_text(checkpoint: explorer.Checkpoint) -> str:
    """The text to read: a sentence that is followed while it is typed, a longer text, or a file; at most 20,000 characters.

    Args:
        checkpoint: of the model that reads it; its corpus decides which example stands there at first.

    """
    with st.container(horizontal=True, vertical_alignment="center"):
        source = _choose_source()
        about = st.empty()  # what stood in this place before is gone at once
        if source == SENTENCE:
            with about:
                text = _type_sentence(example_for(checkpoint))
    if source == LONGER:
        text = _paste_text()
    elif source == FILE:
        text = uploaded("file")
    links.write()  # before anything is computed that takes long
    text = clean_text(text)
    if source != SENTENCE:
        about.caption(_about(text), width="stretch")
    return text[:MAX_ANALYSED]


def example_for(checkpoint: explorer.Checkpoint) -> str:
    """The sentence that stands there at first."""
    return example(checkpoint.corpus, checkpoint.vocabulary.token) or EXAMPLES["lighthouse"]


def example(corpus: str, token: str) -> str:
    """A sentence that begins as a corpus does, for a model of characters or of words; "" for a corpus of a person's own."""
    examples = EXAMPLES | OF_WORDS if token == WORD else EXAMPLES
    return examples.get(corpus, "")


def _about(text: str) -> str:
    """How long a text is, how much of it is analysed, and why it stands here."""
    length = len(text)
    if not text:
        return say("page.text.none", most=MAX_ANALYSED)
    if length > MAX_ANALYSED:
        return say("page.text.cut", length=length, most=MAX_ANALYSED)
    if links.named("moved") == text:
        return say("page.text.moved", length=length, most=MAX_SENTENCE)
    return say("page.text.length", length=length)


def _choose_source() -> str:
    source: str = links.ready("source", SENTENCE, SOURCES)
    st.segmented_control(
        say("control.source"), SOURCES, key="source", required=True, label_visibility="collapsed", width="content",
        format_func=lambda option: say(f"option.{option}"), on_change=links.take, args=("source",),
    )  # fmt: skip
    return source


def _type_sentence(example: str) -> str:
    if len(links.ready("sentence", example)) > MAX_SENTENCE:  # a link that holds more
        _move(links.named("sentence"))
        st.rerun()
    return st.text_input(
        say("control.sentence"), key="sentence", live=True, label_visibility="collapsed",
        placeholder=say("page.text.type"), on_change=_take_sentence,
    )  # fmt: skip


def _take_sentence() -> None:
    typed = session.kept("sentence", "")
    if len(typed) > MAX_SENTENCE:
        _move(typed)
    else:
        links.take("sentence")


def _move(text: str) -> None:
    """Put what is too long for a sentence where long texts go."""
    links.drop("sentence")
    links.take_values({"source": LONGER, "long_text": text, "moved": clean_text(text)})


def _paste_text() -> str:
    links.ready("long_text", "")
    return st.text_area(
        say("control.long-text"), key="long_text", height=100, label_visibility="collapsed",
        placeholder=say("page.text.paste"), on_change=links.take, args=("long_text",),
    )  # fmt: skip


def offer_link() -> None:
    """The choice to put the sentence into the link; the model and the settings are always in it."""
    fits = (links.named("source") or SENTENCE) == SENTENCE
    links.ready(links.REQUEST, False)
    label, explanation = called("in_link")
    st.toggle(
        label, key=links.REQUEST, disabled=not fits, help=explanation, on_change=links.take, args=(links.REQUEST,)
    )


def uploaded(key: str, *, several: bool = False) -> str:
    """The text of a file that the person brings; "" where there is none, and a sentence where it cannot be read.

    Several files, where they are taken, are read one after the other as if they were one.

    The file stays in the session until it is removed, whatever page is opened meanwhile.
    """
    upload = links.named(key)
    if upload is None:
        st.file_uploader(
            say("control.uploads" if several else "control.upload", most=MAX_FILE_BYTES), type=["txt"], key=f"{key}_upload",
            max_upload_size=MAX_FILE_BYTES // 10**6, accept_multiple_files=several, on_change=_keep_upload, args=(key,),
        )  # fmt: skip
        return ""
    return _read(upload, key)


def name_of(key: str) -> str:
    """The name of a file that the person brought, and how it was read; a word for it where there is none yet."""
    upload = links.named(key)
    if upload is None:
        return say("page.file.none")
    encoding = links.named(f"{key}_encoding") or RECOGNISED
    with contextlib.suppress(TextError):
        encoding = decoded(upload.data, encoding).encoding
    return say("page.file.named", name=upload.name, encoding=encoding)


def _keep_upload(key: str) -> None:
    if brought := session.kept(f"{key}_upload", None):
        files = brought if isinstance(brought, list) else [brought]
        named = _joined([Upload(file.name, file.getvalue()) for file in files])
        links.take_values({key: named, f"{key}_encoding": RECOGNISED})


def _joined(files: list[Upload]) -> Upload:
    """Several files as one, in UTF-8, each read in its own encoding; else the first that cannot be read, which then says why."""
    if len(files) == 1:
        return files[0]
    texts = []
    for file in files:
        try:
            texts.append(decode_text(file.data).text)
        except TextError:
            return file
    return Upload(", ".join(file.name for file in files), "\n\n".join(texts).encode())


def _read(upload: Upload, key: str) -> str:
    """The text of an upload, beside its name, how it was read, and the choice of another encoding."""
    about = st.container()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        encoding_key = f"{key}_encoding"
        choices = [RECOGNISED, *ENCODINGS]
        encoding = links.ready(encoding_key, RECOGNISED, choices)
        st.selectbox(
            say("control.encoding"), choices, key=encoding_key, width=220, format_func=_encoding_name,
            on_change=links.take, args=(encoding_key,),
        )  # fmt: skip
        st.button(
            say("page.file.remove"), icon=":material/close:", key=f"{key}_remove", on_click=links.drop, args=(key,)
        )
    with about:
        try:
            read = decoded(upload.data, encoding)
        except TextError as fault:
            st.error(f"{plain(upload.name)}: {plain(str(fault))}")
            return ""
        about_it = say("page.file.read", count=len(read.text), encoding=plain(read.encoding))
        st.markdown(f"**{plain(upload.name)}** · {about_it}")
        if read.notes:
            st.caption(plain(" ".join(read.notes)))
    return read.text


def _encoding_name(encoding: str) -> str:
    return say("option.recognised") if encoding == RECOGNISED else encoding


def decoded(data: bytes, encoding: str) -> DecodedText:
    """A file's bytes as text, in the encoding the person chose or in the one that is recognised.

    Raises:
        TextError: it cannot be read so; an EncodingError names the encodings that may be meant.

    """
    return decode_text(data, None if encoding == RECOGNISED else encoding)
