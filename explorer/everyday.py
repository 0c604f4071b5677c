"""Everyday writing, coarsely: which signs are frequent in which language. Enough to tell right from wrong readings of bytes.

The lists are this project's own, written from general knowledge of the languages; only their rough order matters.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

PRICE_OF_EMOJI = 9.0
PRICE_OF_ODD = 16.0  # nats for a sign that everyday text does not hold
PUNCTUATION = dict.fromkeys("\u00a0’“”–—…«»、。，：！？「」『』（）《》；；・·〜", 5.0)
PUNCTUATION |= dict.fromkeys("°•‘„‚§£€№¿¡´²³½¼×±©®™ºª‹›†\u3000【】〈〉“”／％～－＋０１２３４５６７８９．", 8.0)


@dataclass(frozen=True)
class Tier:
    """Signs that share out a part of a text evenly.

    Attributes:
        holds: whether a sign belongs here.
        size: how many do.
        share: of the text's signs, in (0, 1).

    """

    holds: Callable[[str], bool]
    size: int
    share: float


@dataclass(frozen=True)
class Language:
    """How often the signs outside ASCII stand in a language.

    Attributes:
        name: in English.
        letters: the lower-case letters outside ASCII, by falling frequency; they fall off exponentially.
        share: how many of the text's letters they are, in (0, 1]; below 1 the others are Latin letters of ASCII.
        tiers: of a language with thousands of signs, from the usual to the rare.
        words: of a language in Latin letters, its most frequent ones in ASCII, with blanks between them.

    """

    name: str
    letters: str = ""
    share: float = 1.0
    tiers: tuple[Tier, ...] = ()
    words: str = ""

    @cached_property
    def _price_of(self) -> dict[str, float]:
        fall = max(1.0, len(self.letters) / 3.5)
        total = sum(math.exp(-rank / fall) for rank in range(len(self.letters)))
        return {c: rank / fall + math.log(total) - math.log(self.share) for rank, c in enumerate(self.letters)}

    @cached_property
    def usual_words(self) -> frozenset[str]:
        """The frequent words one by one."""
        return frozenset(self.words.split())

    def price(self, sign: str) -> float:
        """-ln of how often a sign outside ASCII stands in the language, in nats; at most PRICE_OF_ODD."""
        if sign in PUNCTUATION:
            return PUNCTUATION[sign]
        if "\U0001f300" <= sign <= "\U0001faff":
            return PRICE_OF_EMOJI
        if (price := self._price_of.get(sign.lower(), self._price_of.get(sign))) is not None:
            return price
        for tier in self.tiers:
            if tier.holds(sign):
                return min(PRICE_OF_ODD, math.log(tier.size / tier.share))
        return PRICE_OF_ODD


def _listed(signs: str, share: float) -> Tier:
    return Tier(frozenset(signs).__contains__, len(set(signs)), share)


def _between(first: str, last: str, share: float) -> Tier:
    return Tier(lambda c: first <= c <= last, ord(last) - ord(first) + 1, share)


def _coded(codec: str, first: int, last: int, share: float) -> Tier:
    """The signs whose two bytes in a national standard begin with these: its own division into usual and rare ones."""

    def holds(sign: str) -> bool:
        data = sign.encode(codec, "ignore")
        return len(data) == 2 and first <= data[0] <= last

    return Tier(holds, (last - first + 1) * 94, share)


SIMPLIFIED = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学"
    "如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外"
    "将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提"
    "立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指"
    "克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望"
    "觉术领共确传师观清今切院让识候带导争运笔音站找房图城满远近早晚夜河船灯雨风花草木树鱼鸟火石土父母亲爱吃喝笑哭坐睡醒慢字符码件输错误"
)
TRADITIONAL = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作里用道行所然家種事成方多經麼去法學"
    "如都同現當沒動面起看定天分還進好小部其些主樣理心她本前開但因只從想實日軍者意無力它與長把機十民第公此已工使情明性知全三又關點正業外"
    "將兩高間由問很最重並物手應戰向頭文體政美相見被利什二等產或新己制身果加西斯月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提"
    "立及比員解水名真論處走義各入幾口認條平系氣題活爾更別打女變四神總何電數安少報才結反受目太量再感建務做接必場件計管期市直德資命山金指"
    "克許統區保至隊形社便空決治展馬科司五基眼書非則聽白卻界達光放強即像難且權思王象完設式色路記南品住告類求據程北邊死張該交規萬取拉格望"
    "覺術領共確傳師觀清今切院讓識候帶導爭運筆音站找房圖城滿遠近早晚夜河船燈雨風花草木樹魚鳥火石土父母親愛吃喝笑哭坐睡醒慢裡字元碼輸錯誤"
)
HIRAGANA = (
    "のにるたとはしいをでてがなれからさっりすあもこまうくよきんめおけそつだやえどわちみせじばへび"
    "ずろほげむべひょゆぶごゃねふぐぎぼゅづざぞぬぜぱぽぷぴぺぁぃぅぇぉゎゑゐ"
)
KATAKANA = (
    "ーンスルトリイアラックドシレジタフロカテマィグバムプオコデニウメサビナブャエュチキズダパミェ"
    "ョハセベガモツネボソノァヴワポペピケゴギザホゲォヤヒユヨヘゼヌゥゾヂヅヲ"
)
KANJI = (
    "日一人年大十二本中長出三時行見月分後前生五間上東四今金九入学高円子外八六下来気小七山話女北午百書先名川千水半男西電校語土木聞食車何南万"
    "毎白天母火右読友左休父雨国会事自社者地業方新場員立開手力問代明動京目通言理体田主題意不作用度強公持野以思家世多正安院心界教文元重近考"
    "画海売知道集別物使品計死特私始朝運終台広住真有口少町料工建空急止送切転研足究楽起着店病質待試族銀早映親験英医仕去味写字答夜音注帰古歌"
    "買悪図週室歩風紙黒花春赤青館屋色走秋夏習駅洋旅服夕借曜飲肉鳥飯勉冬昼茶弟牛魚兄犬妹姉定表示指数実合成無全部法所最相性対同現化取変当"
)
SYLLABLES = (
    "이다에의는로하을가고지서한은기으년대사시를리도인스일자정어그전부해라수아나제들과보장만상여주있관구것었성유동공안원교조경비되국적화미오와선"
    "신지연학생우용진치위면소드중세계모문파까재무물마방개등실명야거단트간내행산역할호러했음업발양습니며려때김강추속종분말박없않게았던같더많난남"
    "름울르크반두설바노력금식표집타터출편열건번저버현임결살권영밤달별"
)
CJK = (
    Language("Chinese, simplified", tiers=(
        _listed(SIMPLIFIED, 0.75), _coded("gb2312", 0xB0, 0xD7, 0.2), _coded("gb2312", 0xD8, 0xF7, 0.015),
        _between("一", "鿿", 0.001))),
    Language("Chinese, traditional", tiers=(
        _listed(TRADITIONAL, 0.75), _coded("big5", 0xA4, 0xC6, 0.2), _coded("big5", 0xC9, 0xF9, 0.015),
        _between("一", "鿿", 0.001))),
    Language("Japanese", tiers=(
        _listed(HIRAGANA[:46], 0.5), _listed(KANJI, 0.25), _listed(KATAKANA, 0.12), _listed(HIRAGANA[46:], 0.03),
        _coded("euc_jp", 0xB0, 0xCF, 0.09), _coded("euc_jp", 0xD0, 0xF4, 0.005))),
    Language("Korean", tiers=(
        _listed(SYLLABLES, 0.8), _coded("euc_kr", 0xB0, 0xC8, 0.17), _between("가", "힣", 0.002),
        _coded("euc_kr", 0xCA, 0xFD, 0.003))),
)  # fmt: skip
RUSSIAN = "оеаинтсрвлкмдпуяыьзбгйчхжшюцщэфъё"
LANGUAGES = (
    *CJK,
    Language("Russian", RUSSIAN),
    Language("Ukrainian", "оанивіертслкдумпязьбгйчхцїюєжшщфґ"),
    Language("Bulgarian", "аиоентрсвлкдпмзгяъубчцйжщхфшьюэ"),
    Language("Serbian", "аиоенрсуткјвдмплгзбњчшцжхћђљџф"),
    Language("Greek", "ατοιενρσκηπςυμλίόάγέδήωχθύφβξζψώϊϋΐΰ"),
    Language("Hebrew", "יוהלרבתמאשנעםדקחפסכגטצןזךץף"),
    Language("Arabic", "اليمنوترةبعدسفهكقأحجشطصىخإذزضءثئغظؤآ،؟"),
    Language("Persian", "ایردنهومتبسلکشزفگعخقجآپحطصچثغضذظژئ،؟"),
    Language("Thai", "านรอกเงมยลวดทสต่้ะปบิคหแจพั์ชีขใไ็ุืโถูผณศฟฐซญธษำฉึภฎฏๆฮฆฒฬฝ"),
    Language(
        "English", "éèïñöü", 0.003, words="the of and to in is that it was for on with as his her at by an be not"
    ),
    Language(
        "German", "üäößé", 0.02, words="der die und das ist nicht ein eine zu den mit von im auf es sich dem wird"
    ),
    Language(
        "French",
        "éèàêçâôîùûœëïüæ",
        0.04,
        words="de la le les et des un une en que qui pour dans est il pas sur ce je avec",
    ),
    Language("Spanish", "óíáéñúü", 0.03, words="de la que el en y los se del las un por con una no su para es lo como"),
    Language(
        "Portuguese", "ãçáéíóêõâúàô", 0.05, words="de que o a e do da em um uma para com os no se na por mais as dos"
    ),
    Language(
        "Italian", "èàùòéìó", 0.02, words="di che la il un una in per non sono si del con della le da al lo come i"
    ),
    Language("Catalan", "óàèéíòçïúü", 0.03, words="de la el i que en un una per amb no les els del es al ha com"),
    Language("Dutch", "ëéïöüèáóç", 0.01, words="de het een van en in is dat op te zijn met voor niet aan er om ook"),
    Language(
        "Swedish and Finnish",
        "äöåé",
        0.06,
        words="och att det som en av med den till inte om ett ja on ei se han oli mutta niin",
    ),
    Language(
        "Danish and Norwegian",
        "øåæéòöäü",
        0.04,
        words="og det at en den er som de med ikke til av af har jeg et om var",
    ),
    Language("Icelandic", "íáðóöúýþéæ", 0.12, words="og er sem um til en var hann ekki af hafa"),
    Language("Polish", "łąęóśżćńź", 0.08, words="nie to w na z i do jest o co tak jak po za od ale dla czy"),
    Language("Czech", "íáéěýčšžřůúťďňóöü", 0.15, words="a se v na je to do s o z ve pro ale po jako jsem by tak"),
    Language("Slovak", "íáéčýšžúťľňôďóäĺŕ", 0.13, words="a sa v na je to do s o z vo pre ale po ako som by tak"),
    Language("Croatian and Slovene", "čšžćđ", 0.04, words="i u je se na da za su od s ne in v ki so z pa kako"),
    Language("Hungarian", "áéóőöíüúű", 0.12, words="a az hogy nem is egy de meg volt ez csak van mint el ha"),
    Language("Romanian", "ăîțâșţş", 0.07, words="de a si nu cu la o un pe care din pentru mai este sunt ca"),
    Language("Turkish", "ıüşçğöİâîû", 0.12, words="ve bir bu da de ne var o ama daha olan gibi kadar sonra her"),
    Language("Lithuanian", "ėųšžįąčūę", 0.09, words="ir yra kad su to tai bet jis ne kaip apie buvo iki tik"),
    Language("Latvian", "āīšēūžļņķčģ", 0.13, words="un ir ka no ar uz par to bet vai kas pie tas bija"),
    Language("Estonian", "äõüöšž", 0.06, words="ja on ei et see ta ma kui oli mis aga ka oma nii"),
    Language("Vietnamese", "đàáạảãâấầậẩẫăắằặẳẵéèẹẻẽêếềệểễíìịỉĩóòọỏõôốồộổỗơớờợởỡúùụủũưứừựửữýỳỵỷỹ", 0.25),
    Language("Esperanto and Maltese", "ĝŭĉŝĵĥċġħż", 0.04),
)
