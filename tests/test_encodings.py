"""Which encodings are recognised: texts of many languages, each written in the encodings it was kept in. Python's codecs
are the oracle: the text must come back to the letter, or be refused with the right encoding among the candidates."""

import pickle

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from explorer.corpora import load_corpus
from explorer.encodings import ENCODINGS, REPLACING, Doubt, Reading, read_as, recognise
from explorer.text import EncodingError

PROPERTY = settings(deadline=None, max_examples=50)
PRINTED = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n\r 水ab"), min_size=1)
BOM = "\ufeff"

LONG = {
    "zh-Hans": "河水从山里来，到了城里就慢了。小满问爷爷：“水为什么不回头？”爷爷笑着说：“它要去看海。”",
    "zh-Hant": "河水從山裡來，到了城裡就慢了。小滿問爺爺：「水為什麼不回頭？」爺爺笑著說：「它要去看海。」",
    "ja": "川の水は山から来て、町に入るとゆっくり流れる。子どもが「どうして戻らないの」と聞くと、祖父は笑った。",
    "ko": "강물은 산에서 내려와 마을에 들어오면 천천히 흐른다. 아이가 왜 돌아오지 않느냐고 묻자 할아버지가 웃었다.",
    "ru": (
        "Вода приходит с гор и в городе течёт медленно. Мальчик спросил, почему она не возвращается, и дед засмеялся."
    ),
    "uk": (
        "Вода приходить із гір і в місті тече повільно. Хлопчик запитав, чому вона не повертається, і дід засміявся."
    ),
    "el": "Το νερό έρχεται από τα βουνά και στην πόλη κυλάει αργά. Το παιδί ρώτησε γιατί δεν γυρίζει πίσω.",
    "he": "המים באים מן ההרים ובעיר הם זורמים לאט. הילד שאל למה הם לא חוזרים, והסבא צחק.",
    "ar": "يأتي الماء من الجبال ويجري في المدينة ببطء. سأل الولد لماذا لا يعود، فضحك الجد.",
    "th": "น้ำไหลมาจากภูเขาและเมื่อเข้าเมืองก็ไหลช้าลง เด็กถามว่าทำไมน้ำไม่ไหลกลับ ปู่ก็หัวเราะ",
    "de": (
        "Das Wasser fließt von den Bergen herab, und in der Stadt wird es träge. „Warum kehrt es nicht zurück?“, "
        "fragte das Mädchen. Der Großvater lächelte müde."
    ),
    "fr": (
        "L’eau descend des montagnes et, arrivée à la ville, elle s’écoule très lentement. « Pourquoi ne "
        "revient-elle pas ? » demanda la fillette. Le grand-père rit : ça, c’était bien trouvé, même pour une "
        "élève."
    ),
    "es": (
        "El agua baja de las montañas y en la ciudad corre más despacio. «¿Por qué no vuelve?», preguntó la niña. "
        "El abuelo se rió: el río tenía que ver el mar algún día."
    ),
    "pt": (
        "A água vem das montanhas e na cidade corre devagar. A criança perguntou por que não voltava, e o avô "
        "sorriu: ela não quer, porque o coração da água está no mar, e lá há mais histórias."
    ),
    "it": (
        "L’acqua scende dalle montagne e in città scorre più piano. «Perché non torna?» chiese la bambina. Il "
        "nonno rise: così è fatta, e non c’è più niente da dire, perché è già là."
    ),
    "sv": (
        "Vattnet kommer från bergen och i staden rinner det långsamt. Flickan frågade varför det inte vänder om, "
        "och farfar skrattade åt henne på bänken."
    ),
    "pl": (
        "Woda płynie z gór, a w mieście zwalnia. Dziewczynka zapytała, dlaczego nie wraca, a dziadek się "
        "roześmiał: chce zobaczyć morze, więc już nie może zostać. Późną nocą ćma usiadła na łódce."
    ),
    "cs": (
        "Voda přichází z hor a ve městě teče pomalu. Děvče se zeptalo, proč se nevrací, a dědeček se zasmál: chce "
        "vidět moře, a tak už nemůže zůstat. Pozdě večer žlutá můra sedla na loďku."
    ),
    "hu": (
        "A víz a hegyekből jön, és a városban lassan folyik. A kislány megkérdezte, miért nem fordul vissza, és a "
        "nagyapó nevetett: látni akarja a tengert, ezért nem időzhet. Később egy őz is eljött, és hűs szél fújt."
    ),
    "tr": (
        "Su dağlardan gelir ve şehirde yavaş akar. Çocuk neden geri dönmediğini sordu, dede güldü: denizi görmek "
        "istiyor, bunun için artık kalamıyor. Işık söndü, ığıl ığıl akan suyun üstünde kuşlar vardı."
    ),
    "en": (
        "The water comes from the mountains. “Why doesn’t it turn back?” the girl asked—and her grandfather "
        "laughed. The café was naïve enough; it’s his."
    ),
}
SHORT = {
    "zh-Hans": "你好，世界", "zh-Hant": "今天天氣很好", "ja": "こんにちは、世界", "ko": "안녕하세요", "ru": "Привет, мир",
    "el": "Καλημέρα", "de": "Über", "fr": "café", "es": "mañana", "pl": "Łódź", "cs": "příští", "tr": "ığdır", "he": "שלום",
    "en": "it’s",
}  # fmt: skip
KEPT_IN = {
    "zh-Hans": ["gb18030", "gb2312", "gbk", "utf-16-le", "utf-16-be"],
    "zh-Hant": ["big5", "cp950", "gb18030", "utf-16-le"],
    "ja": ["shift_jis", "cp932", "euc_jp", "iso2022_jp", "utf-16-le"],
    "ko": ["euc_kr", "cp949", "utf-16-le"],
    "ru": ["cp1251", "koi8_r", "cp866", "iso8859_5", "mac_cyrillic", "utf-16-le"],
    "uk": ["cp1251", "koi8_u"],
    "el": ["cp1253", "iso8859_7"],
    "he": ["cp1255"],
    "ar": ["cp1256"],
    "th": ["cp874"],
    "pl": ["cp1250", "iso8859_2", "cp852"],
    "cs": ["cp1250", "iso8859_2", "cp852"],
    "hu": ["cp1250", "iso8859_2"],
    "tr": ["cp1254", "iso8859_9"],
} | {language: ["cp1252", "mac_roman"] for language in ("de", "fr", "es", "pt", "it", "sv", "en")}
CASES = [
    pytest.param(texts[language], codec, id=f"{language}-{codec}-{len(texts[language])}")
    for texts in (LONG, SHORT)
    for language, codecs in KEPT_IN.items()
    if language in texts
    for codec in codecs
]
# What a person brings most: a paragraph of these has to be recognised, not only asked about.
PLAIN = {
    "gb18030",
    "gb2312",
    "gbk",
    "big5",
    "cp950",
    "shift_jis",
    "cp932",
    "euc_jp",
    "euc_kr",
    "cp949",
    "cp1251",
    "koi8_r",
}
PLAIN |= {"utf-16-le", "utf-16-be", "iso2022_jp", "cp1252", "cp1250", "cp1253", "cp1254", "cp1255", "cp1256", "cp874"}


def outcome(text, data):
    """right, asked (the right text is among the candidates'), lost or wrong."""
    found = recognise(data)
    if isinstance(found, Reading):
        return "right" if found.text == text else f"wrong: {found.encoding}"
    return "asked" if text in [read_as(data, name).text for name in found.candidates] else f"lost: {found}"


@pytest.mark.parametrize(("text", "codec"), CASES)
def test_a_text_is_read_right_or_asked_about(text, codec):
    assert outcome(text, text.encode(codec)) in ("right", "asked")


@pytest.mark.parametrize(("text", "codec"), [case.values for case in CASES if len(case.values[0]) > 40])
def test_a_paragraph_in_an_everyday_encoding_is_recognised(text, codec):
    if codec in PLAIN:
        assert outcome(text, text.encode(codec)) == "right"


def test_the_cases_are_many():
    assert len(CASES) >= 60


@pytest.mark.parametrize("language", LONG)
@pytest.mark.parametrize("length", [1, 2, 4, 8, 16])
def test_no_piece_of_a_text_becomes_another_one(language, length):
    text, wrong = LONG[language], []
    for codec in KEPT_IN[language]:
        if codec in ("iso2022_jp", "utf-16-le", "utf-16-be"):
            continue  # some of their pieces are plain ASCII too
        for start in range(0, len(text) - length, max(3, length // 2)):
            piece = text[start : start + length].strip()
            data = piece.encode(codec)
            if piece and not _is_utf_8(data) and "wrong" in (result := outcome(piece, data)):
                wrong.append((piece, codec, result))
    assert wrong == []


def _is_utf_8(data):
    """Valid UTF-8, whole or cut, is UTF-8: `é` in Latin-1 never is, one Chinese character in GB18030 may be."""
    try:
        return bool(data.decode("utf-8"))
    except UnicodeDecodeError:
        return False


# Unicode is certain


@pytest.mark.parametrize(
    "text", ["The river is 12 miles long.", "河水从山里来", "Все счастливые семьи", "x", "😀 水", "é", "don’t"]
)
@pytest.mark.parametrize(
    ("before", "codec", "name"),
    [
        ("", "utf-8", "UTF-8"),
        (BOM, "utf-8", "UTF-8"),
        (BOM, "utf-16-le", "UTF-16 little-endian"),
        (BOM, "utf-16-be", "UTF-16 big-endian"),
        (BOM, "utf-32-le", "UTF-32 little-endian"),
        (BOM, "utf-32-be", "UTF-32 big-endian"),
    ],
)
def test_utf_8_and_marked_files_are_read_and_named(text, before, codec, name):
    assert recognise((before + text).encode(codec)) == Reading(text, name)


def test_the_mark_of_gb18030_is_dropped():
    assert recognise((BOM + "河水从山里来").encode("gb18030")) == Reading("河水从山里来", "GB18030 (Chinese)")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["The river is 12 miles long.\nIt is cold.", "x", "Grüße aus Köln", "ab " * 9_000])
def test_wide_western_text_needs_no_mark(text, codec):
    assert outcome(text, text.encode(codec)) == "right"


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126) | st.just("\n"), min_size=1))
@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
@PROPERTY
def test_any_ascii_text_in_utf_16_without_a_mark_comes_back(codec, text):
    assume(text.strip())
    assert outcome(text, text.encode(codec)) == "right"


@pytest.mark.parametrize(("before", "codec"), [("", "utf-8"), (BOM, "utf-8"), (BOM, "utf-16-le"), (BOM, "utf-16-be")])
@given(text=PRINTED)
@PROPERTY
def test_any_printed_text_in_unicode_comes_back(text, before, codec):
    assume(text[0] not in (BOM, "\0"))
    assert outcome(text, (before + text).encode(codec)) in ("right",) if before else ("right", "asked")


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_a_piece_of_chinese_in_utf_16_without_a_mark_never_becomes_another_text(codec):
    book, length = load_corpus("river-town"), 16
    pieces = [book[start : start + length] for start in range(0, len(book) - length, 50)]
    results = [outcome(piece, piece.encode(codec)) for piece in pieces]
    assert [pair for pair in zip(pieces, results, strict=True) if pair[1] not in ("right", "asked")] == []
    assert results.count("right") > 0.95 * len(results)


# In doubt


def test_latin_1_is_not_read_as_chinese():
    data = "Über".encode("latin-1")
    assert data.decode("gb18030") == "躡er"  # what it was once read as
    found = recognise(data)
    assert isinstance(found, Doubt)
    assert read_as(data, found.candidates[0]).text == "Über"


@pytest.mark.parametrize("text", ["Grüße aus Köln, sagt der Großvater. ", "河水从山里来，不回头。"])
def test_one_stray_byte_in_utf_8_is_pointed_at_and_may_be_replaced(text):
    data = (text + "\n").encode() * 3 + b"don\x92t\n" + text.encode() * 20
    found = recognise(data)
    assert isinstance(found, Doubt)
    assert (
        f"looks like UTF-8, but byte {len((text + chr(10)).encode()) * 3 + 4} (0x92, in line 4) does not fit"
        in found.reason
    )
    assert found.candidates[0] == "UTF-8, replacing what cannot be read"
    assert read_as(data, found.candidates[0]).text == data.decode("utf-8", "replace")


def test_one_stray_byte_in_gb18030_likewise():
    data = "河水从山里来，不回头。".encode("gb18030") * 9 + b"\xff" + "小满问爷爷。".encode("gb18030") * 9
    found = recognise(data)
    assert isinstance(found, Doubt)
    assert "looks like GB18030 (Chinese), but byte 199 (0xFF, in line 1)" in found.reason
    assert found.candidates[0] == "GB18030 (Chinese), replacing what cannot be read"


def test_a_cut_that_may_be_a_letter_of_latin_1_is_asked_about():
    found = recognise(b"caf\xe9")  # é in Latin-1, and also the first byte of three in UTF-8
    assert isinstance(found, Doubt)
    assert "Windows-1252 or Latin-1 (Western European)" in found.candidates


def test_a_broken_file_with_a_mark_is_not_read_as_something_else():
    assert isinstance(recognise(b"\xff\xfe\x00\xd8a\0"), Doubt)
    assert recognise(b"\xef\xbb\xbfabc\xffd").candidates == ("UTF-8" + REPLACING,)


@pytest.mark.parametrize("data", [b"a\0b\1\2\3", b"a\0b", b"\0", b"a\0\0", b"abc\0", bytes(64), bytes(range(256))])
def test_binary_has_no_candidates(data):
    assert recognise(data).candidates == ()


def test_a_long_text_with_few_signs_beyond_ascii_is_decided_by_these():
    book = load_corpus("lighthouse") * 20
    data = book.encode() + "It’s a “café”, isn’t it? He’d say so: “naïve”.".encode("cp1252")
    assert recognise(data).text == data.decode("cp1252")


def test_every_name_is_of_a_codec_that_python_has():
    assert all("plain".encode(codec) for codec in ENCODINGS.values())
    assert len(ENCODINGS) == len(set(ENCODINGS))


def test_an_error_with_candidates_can_be_pickled():
    fault = EncodingError("text.encoding-in-doubt", reason="because", candidates=("utf-8", "gb18030"))
    again = pickle.loads(pickle.dumps(fault))
    assert (str(again), again.candidates, type(again)) == (str(fault), fault.candidates, EncodingError)
