"""Phones of any language: what the mouth does for each, and the class a network hears it as.

Every engine's labels become IPA, and IPA becomes two things. **Classes**: the 40 ARPAbet ones of
`speech_phones` and four more (`NEW_PHONES`). One list serves all languages because a network head over
hundreds of IPA symbols would split what looks alike, and new classes are worth having only where the
lips or the tongue tip do what no English phone does: front rounded vowels close and mid (the jaw of IY
and EH with the lips of UW and OW), bilabial fricatives (nearly shut, never a P B M), taps and trills
(tip up, lips free; English R is rounded). Nasal vowels, retroflexes, palatals, tense and aspirated stops
and the glottal stop move the lips as a class that exists. **Articulation**: features per phone for the
motion model, which needs what classes lose: a Mandarin retroflex affricate protrudes less than CH, a
geminate is held longer, a glottal stop leaves the lips to its neighbours. Places and vowel heights
follow the chart of the International Phonetic Association (Handbook of the IPA, 1999).

Affricates and diphthongs are sequences of parts, so that /pf/ shuts the lips before it bites them.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import astuple, dataclass, replace
from functools import cache
from types import MappingProxyType

from .speech_phones import PHONES

NEW_PHONES: tuple[str, ...] = ("YY", "OE", "BH", "RR")
ALL_PHONES: tuple[str, ...] = PHONES + NEW_PHONES
CLASS_INDEX: Mapping[str, int] = MappingProxyType({p: i for i, p in enumerate(ALL_PHONES)})
# What a network with the 40 classes should hear in the new ones: the nearest lips, then the nearest jaw.
ENGLISH_CLASS: Mapping[str, str] = MappingProxyType(
    {"YY": "UW", "OE": "UH", "BH": "W", "RR": "D"} | {phone: phone for phone in PHONES}
)
SILENT = "_"  # the symbol of a pause, among IPA symbols


@dataclass(frozen=True)
class Articulation:
    """What a phone asks of the mouth, each 0 to 1, except `hold` (1 is the ordinary duration)."""

    closure: float = 0.0  # 1: the lips touch
    lip_teeth: float = 0.0  # 1: the lower lip touches the upper teeth
    rounding: float = 0.0
    jaw: float = 0.0  # 1 is the openness of AA
    front: float = 0.5  # of the tongue's body; high ones spread the lips of close vowels
    tip: float = 0.0  # 1: the tongue's tip touches behind the upper teeth
    between_teeth: float = 0.0
    sibilant: float = 0.0
    nasal: float = 0.0
    voiced: float = 0.0
    vowel: float = 0.0
    strength: float = 1.0  # 0: the lips are its neighbours' (glottal and uvular sounds)
    hold: float = 1.0


@dataclass(frozen=True)
class Part:
    """A stretch of a phone: its share of the phone's time, its class and its articulation."""

    share: float
    phone: str
    articulation: Articulation


# symbol class openness frontness rounding
_VOWELS = """
i IY .1 1 0; y YY .1 1 1; ɨ IH .12 .5 0; ʉ UW .1 .5 1; ɯ IH .12 .1 .1; u UW .1 0 1
ɪ IH .25 .8 0; ʏ YY .25 .8 .9; ʊ UH .25 .2 .8; ᵻ IH .25 .6 0; ᵿ UH .25 .4 .5
e EH .4 .9 0; ø OE .4 .9 .9; ɘ AH .4 .5 0; ɵ UH .4 .5 .7; ɤ AH .4 .1 0; o OW .4 0 .9
ə AH .45 .5 0; ɚ ER .45 .5 .35; ɛ EH .6 .85 0; œ OE .6 .85 .75; ɜ ER .55 .5 .2; ɝ ER .5 .5 .35
ɞ OE .55 .5 .5; ʌ AH .6 .2 0; ɔ AO .6 0 .7; æ AE .85 .9 0; ɐ AH .75 .5 0; a AA .95 .6 0
ɶ OE .9 .9 .5; ɑ AA 1 0 0; ɒ AO .9 0 .4
"""
# symbol class, then words of _WORDS or feature=value
_CONSONANTS = """
p P lips; b B lips voiced; m M lips nasal voiced; ʙ B lips voiced
ɸ BH near; β BH near voiced; ɱ V bite nasal voiced; f F bite; v V bite voiced; ʋ V bite voiced
w W glide rounding=.9 front=0; ʍ W glide rounding=.9 front=0; ɥ YY glide rounding=.9 front=1
j Y palatal voiced; ɰ Y velar voiced strength=.3; ʝ Y palatal voiced; ç Y palatal
t T tip; d D tip voiced; n N tip nasal voiced; ɾ RR tip voiced; r RR tip voiced; ɺ RR tip voiced
l L tip voiced; ɫ L tip voiced front=.1; ɬ L tip; ɮ L tip voiced
ɹ R tip=.6 rounding=.45 voiced jaw=.2; ɻ R tip=.5 rounding=.45 voiced jaw=.2
θ TH teeth; ð DH teeth voiced; s S hiss; z Z hiss voiced
ʃ SH hush rounding=.5; ʒ ZH hush rounding=.5 voiced; ɕ SH hush rounding=.15 front=.9
ʑ ZH hush rounding=.15 front=.9 voiced; ʂ SH hush rounding=.3; ʐ ZH hush rounding=.3 voiced
ɧ SH hush rounding=.4; ʈ T tip front=.3; ɖ D tip voiced front=.3; ɳ N tip nasal voiced front=.3
ɭ L tip voiced front=.3; ɽ RR tip voiced front=.3; c K palatal; ɟ G palatal voiced
ɲ N palatal nasal voiced tip=.5; ʎ L palatal voiced tip=.5
k K velar; g G velar voiced; ɡ G velar voiced; ŋ NG velar nasal voiced; x HH velar; ɣ G velar voiced
q K back; ɢ G back voiced; ɴ NG back nasal voiced; χ HH back; ʁ HH back voiced; ʀ HH back voiced
ħ HH back; ʕ HH back voiced; h HH back; ɦ HH back voiced; ʔ HH back strength=0
"""
_WORDS: Mapping[str, Mapping[str, float]] = {
    "voiced": {"voiced": 1},
    "nasal": {"nasal": 1},
    "lips": {"closure": 1, "jaw": 0.15},
    "near": {"closure": 0.8, "jaw": 0.15},
    "bite": {"lip_teeth": 1, "jaw": 0.12},
    "glide": {"closure": 0.4, "jaw": 0.12, "voiced": 1},
    "tip": {"tip": 1, "jaw": 0.2, "strength": 0.6},
    "teeth": {"between_teeth": 1, "tip": 0.5, "jaw": 0.2},
    "hiss": {"sibilant": 1, "tip": 0.7, "jaw": 0.05},
    "hush": {"sibilant": 1, "tip": 0.5, "jaw": 0.08},
    "palatal": {"front": 1, "jaw": 0.15, "strength": 0.6},
    "velar": {"front": 0, "jaw": 0.3, "strength": 0.3},
    "back": {"front": 0.2, "jaw": 0.4, "strength": 0.15},
}
# Marks after a symbol and what they change; a mark with nothing here changes nothing one can see.
_MARKS: Mapping[str, Mapping[str, float]] = {
    "ː": {"hold": 1.6},
    "ˑ": {"hold": 1.3},
    "ʲ": {"front": 1.0},
    "ʷ": {"rounding": 0.8},
    "ᵝ": {"rounding": 0.35},
    "ˤ": {"front": 0.1},
    "̃": {"nasal": 1.0},
    "̥": {"voiced": 0.0},
    "̊": {"voiced": 0.0},
    "ʼ": {"hold": 1.2},
    "͈": {"hold": 1.2},
    ":": {"hold": 1.6},
    '"': {"front": 0.5},
    "̈": {"front": 0.5},
} | dict.fromkeys("͡‿̪̺̻̞̝̠̟̩̯̚˞ˈˌ-.^012345678", MappingProxyType({}))
# Aspiration is breath after the lips have parted: a part of its own, this long against the others.
_ASPIRATION = "ʰʱ"
_ASPIRATION_SHARE = 0.5

# Two parts that English has one class for; the parts keep their own articulation.
_PAIRS: Mapping[str, str] = {
    pair: phone
    for phone, pairs in {
        "AY": "aɪ ai ɑɪ ʌɪ ɐɪ aj",
        "AW": "aʊ au ɑu ɑʊ æʊ ɐʊ",
        "OY": "ɔɪ oɪ ɔi oi ɔø ɔʏ",
        "EY": "eɪ ei ɛɪ ɛi",
        "OW": "oʊ əʊ ou ɔʊ əu ʌʊ",
        "CH": "tʃ tɕ tʂ ʈʂ cç",
        "JH": "dʒ dʑ dʐ ɖʐ ɟʝ",
    }.items()
    for pair in pairs.split()
}
CLASSES_OF_TWO: frozenset[str] = frozenset(_PAIRS.values())
# What espeak-ng 1.51 writes otherwise in its IPA phoneme events.
_ESPEAK_SPELLINGS: tuple[tuple[str, str], ...] = (
    ("??", "ʔ"),
    ("ts.", "ʈʂ"),
    ("s.", "ʂ"),
    ("z.", "ʐ"),
    ("r.", "ɽ"),
    ("i.", "ɨ"),
    ("onɡ", "ʊŋ"),
)
_LANGUAGE_SWITCH = re.compile(r"\(\w+\)")
_SPELLED_ASPIRATION = re.compile("(?<=[ptkɕsʂ])h$")
# The same letter is another vowel in some of espeak-ng's voices.
_LANGUAGE_SYMBOLS: Mapping[str, Mapping[str, str]] = {
    "en": {"a": "æ"},
    "de": {"ɜ": "ɐ"},
    "ru": {"y": "ɨ", "ɭ": "ɫ"},
}


def _table() -> dict[str, tuple[str, Articulation]]:
    table = {}
    for row in _VOWELS.replace("\n", ";").split(";"):
        if row.strip():
            symbol, phone, *numbers = row.split()
            jaw, front, rounding = map(float, numbers)
            shape = Articulation(jaw=jaw, front=front, rounding=rounding, voiced=1, vowel=1)
            table[symbol] = (phone, shape)
    for row in _CONSONANTS.replace("\n", ";").split(";"):
        if row.strip():
            symbol, phone, *words = row.split()
            table[symbol] = (phone, _consonant(words))
    return table


def _consonant(words: list[str]) -> Articulation:
    features: dict[str, float] = {}
    for word in words:
        name, _, value = word.partition("=")
        features |= {name: float(value)} if value else _WORDS[name]
    return Articulation(**features)


SYMBOLS: Mapping[str, tuple[str, Articulation]] = MappingProxyType(_table())


class UnknownPhoneError(ValueError):
    """A symbol that the inventory does not hold."""


@cache
def parts(ipa: str, language: str = "") -> tuple[Part, ...]:
    """The parts of one phone in IPA; `language` settles letters that voices use for other vowels."""
    if ipa in (SILENT, ""):
        return (Part(1.0, "SIL", Articulation(strength=0.5)),)
    segments: list[tuple[str, Articulation, float]] = []
    for letter in _plain(ipa):
        letter = _LANGUAGE_SYMBOLS.get(language, {}).get(letter, letter)
        if letter == "ʲ" and not segments:
            letter = "j"
        if letter in SYMBOLS:
            segments.append((letter, SYMBOLS[letter][1], 1.0))
        elif letter in _ASPIRATION and segments:
            segments.append(("h", SYMBOLS["h"][1], _ASPIRATION_SHARE))
        elif letter in _MARKS:
            if segments:
                symbol, shape, weight = segments[-1]
                segments[-1] = symbol, replace(shape, **_MARKS[letter]), weight
        else:
            raise UnknownPhoneError(f"'{ipa}' ({language or 'any language'}) has no '{letter}'")
    return _with_classes(segments)


def _plain(ipa: str) -> str:
    ipa = _LANGUAGE_SWITCH.sub("", ipa)
    for odd, plain in _ESPEAK_SPELLINGS:
        ipa = ipa.replace(odd, plain)
    return unicodedata.normalize("NFD", _SPELLED_ASPIRATION.sub("ʰ", ipa)).replace("c\u0327", "ç")


def _with_classes(segments: list[tuple[str, Articulation, float]]) -> tuple[Part, ...]:
    phones = [SYMBOLS[symbol][0] for symbol, _, _ in segments]
    for first in range(len(segments) - 1):
        pair = _PAIRS.get(segments[first][0] + segments[first + 1][0])
        if pair:
            phones[first : first + 2] = pair, pair
    total = sum(weight for _, _, weight in segments)
    return tuple(
        Part(weight / total, phone, shape)
        for phone, (_, shape, weight) in zip(phones, segments, strict=True)
    )


def features(articulation: Articulation) -> tuple[float, ...]:
    """An articulation as numbers, in the order of the fields of `Articulation`."""
    return astuple(articulation)


# flite and festival write ARPAbet; their labels become IPA like all others.
ARPABET_TO_IPA: Mapping[str, str] = MappingProxyType(
    dict(
        pair.split("=")
        for pair in (
            "SIL=_ AA=ɑ AE=æ AH=ʌ AO=ɔ AW=aʊ AX=ə AXR=ɚ AY=aɪ B=b CH=tʃ D=d DH=ð DX=ɾ EH=ɛ EL=əl EM=m "
            "EN=ən ER=ɝ EY=eɪ F=f G=ɡ HH=h HV=ɦ IH=ɪ IY=i JH=dʒ K=k L=l M=m N=n NG=ŋ NX=n OW=oʊ OY=ɔɪ "
            "P=p PAU=_ R=ɹ S=s SH=ʃ SSIL=_ T=t TH=θ UH=ʊ UW=u V=v W=w Y=j Z=z ZH=ʒ"
        ).split()
    )
)
