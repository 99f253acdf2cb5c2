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


def flite_phone(name: str) -> str | None:
    """The class of a flite segment name, or None where it has none."""
    phone = FLITE_TO_PHONE.get(name, name.upper())
    return phone if phone in PHONE_INDEX else None
