"""What the encoder reads of films, kept beside the work that asks for it while film and encoder stay the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..core.monocular.encoded import EncodedVideo
from ..core.monocular.encoder import ENCODER
from ..core.monocular.video import encode_video

Encode = Callable[[Path], EncodedVideo]


def encoded_film(video: Path, folder: Path, encode: Encode = encode_video) -> EncodedVideo:
    """The reading of `video`, from `folder` where it was kept."""
    stamps = [path.stat() for path in (ENCODER, video)]
    stamp = "-".join(f"{stat.st_size:x}-{stat.st_mtime_ns:x}" for stat in stamps)
    path = folder / f"{video.stem}.{stamp}.npz"
    if path.is_file():
        return EncodedVideo.load(path)
    encoded = encode(video)
    encoded.save(path)
    return encoded
