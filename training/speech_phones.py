"""The 40 phone classes of the speech network and how each source of labels writes them."""

from __future__ import annotations

from collections.abc import Mapping

# ARPAbet without stress marks, as the CMU dictionary has it; the first class is silence.
PHONES: tuple[str, ...] = tuple(
    "SIL AA AE AH AO AW AY B CH D DH EH ER EY F G HH IH IY JH K L M N NG OW OY P R S SH T TH UH UW "
    "V W Y Z ZH".split()
)
PHONE_INDEX: Mapping[str, int] = {phone: i for i, phone in enumerate(PHONES)}
SILENCE = PHONE_INDEX["SIL"]
BILABIALS: tuple[str, ...] = ("P", "B", "M")
VOWELS: tuple[str, ...] = tuple("AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split())

FLITE_TO_PHONE: Mapping[str, str] = {"pau": "SIL", "ax": "AH", "axr": "ER", "ssil": "SIL"}

# Mnemonics that espeak-ng's English voices give in their phoneme events (1.51: `espeak-ng -x`).
ESPEAK_TO_PHONE: Mapping[str, str] = {
    name: phone
    for phone, names in {
        "SIL": "_ _: _! _| || ? ; ,",
        "AA": "A: A A# 0 0# a:",
        "AE": "a aa & E#",
        "AH": "V a# @ @2 @5 @L a2 @- V# I2#",
        "AO": "O: O o@ o: O@ O2 o: O# oU# A@",
        "AW": "aU aU@ aU#",
        "AY": "aI aI2 aI@ aI3 aI#",
        "EH": "E e e@ e: E: E2",
        "ER": "3: 3 IR VR 3r @r ir",
        "EY": "eI eI# e:# e#",
        "IH": "I I2 I# i@ i@3 I@ 1",
        "IY": "i i: i# i:#",
        "OW": "oU o oU# @U",
        "OY": "OI",
        "UH": "U U@ U# U2",
        "UW": "u: u u# U: u:#",
        "B": "b b#",
        "CH": "tS",
        "D": "d d# *",
        "DH": "D D#",
        "F": "f",
        "G": "g",
        "HH": "h h# H",
        "JH": "dZ",
        "K": "k k# x",
        "L": "l l# L l/",
        "M": "m m-",
        "N": "n n- n#",
        "NG": "N",
        "P": "p p#",
        "R": "r r- r/ R",
        "S": "s",
        "SH": "S S;",
        "T": "t t[ t# t2 4",
        "TH": "T",
        "V": "v",
        "W": "w w# W hw",
        "Y": "j ;",
        "Z": "z z#",
        "ZH": "Z",
    }.items()
    for name in names.split()
}


def flite_phone(name: str) -> str | None:
    """The class of a flite segment name, or None where it has none."""
    phone = FLITE_TO_PHONE.get(name, name.upper())
    return phone if phone in PHONE_INDEX else None


def espeak_phone(name: str) -> str | None:
    """The class of an espeak-ng phoneme mnemonic, or None where it has none."""
    return ESPEAK_TO_PHONE.get(name.strip("'!,%=|\x15").strip() or "_")
