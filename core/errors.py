"""Errors whose message is one sentence for the user: what is wrong and what to do about it."""

import re

# What would move a terminal's cursor, break a line or cannot be written as UTF-8.
_NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
MAX_MESSAGE = 2000


class GaussianHeadsError(Exception):
    """Base of every error this package raises on purpose; the message may be shown as it is.

    Names and texts of files stand in messages: what is no plain text in them is shown as "?", and a long
    message is cut.
    """

    def __init__(self, message: object = "") -> None:
        super().__init__(plain_text(str(message)))


def plain_text(text: str, most: int = MAX_MESSAGE) -> str:
    """`text` in one line, at most `most` letters of it."""
    cut = text if len(text) <= most else f"{text[: most - 1]}…"
    return _NO_TEXT.sub("?", cut)


class AudioError(GaussianHeadsError):
    """Sound that cannot be read or analysed."""


class AvatarError(GaussianHeadsError):
    """A package or a foreign head file that cannot be read, written or decoded."""


class CodeSpaceError(GaussianHeadsError):
    """Codes of one space given to something that lives in another."""


class ModelError(GaussianHeadsError):
    """A network file that is missing, of the wrong kind or broken."""


class RenderError(GaussianHeadsError):
    """Gaussians, a camera or a backend that cannot make a picture."""


class BackendUnavailable(RenderError):
    """A backend that does not work on this machine or cannot draw this picture; another may."""


class TimingError(GaussianHeadsError):
    """Frame rates, ranges or strips that make no sense."""


class TrackError(GaussianHeadsError):
    """An expression track that is malformed or cannot be read or written."""


class VideoError(GaussianHeadsError):
    """A video or a picture that cannot be read, or that shows nothing of use."""
