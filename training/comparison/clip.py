"""A clip as the personalization knew it: camera, and code and head pose of every frame that shows the face."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from ...core.avatar import Avatar
from ...core.camera import Camera
from ...core.errors import AvatarError, ModelError
from ...core.gaussians import Gaussians
from ...core.monocular.encoded import EncodedVideo
from ...core.render import render
from ..evaluate_metrics import BACKGROUND
from ..personalization.first_guess import Guesser
from ..personalization.following import KnownPerson, follow_video
from ..personalization.gathering import posed_vertices
from ..personalization.inputs import classify
from ..personalization.pictures import PictureWindow
from ..personalization.reading import ENCODED, frames_like
from ..personalization.report_measures import SOLID, shown_regions
from ..personalization.stages import RECORD, key_of
from ..personalization.subject import SubjectFrame, VideoSubject
from ..personalization.subject_files import load_subject
from ..prior_file import load_prior
from ..prior_identity import load_identity

Kind = Literal["fitted", "held_out", "unused"]
FITTED, HELD_OUT, UNUSED = "fitted", "held_out", "unused"
Masks = dict[str, np.ndarray]


@dataclass(frozen=True)
class Moment:
    """One frame of the clip in which the face was read."""

    row: int  # in the encoded video
    time_sec: float
    code: np.ndarray  # [D]
    head_pose: np.ndarray  # [6], before the clip's camera
    kind: Kind = UNUSED
    rgba: np.ndarray | None = None  # [h, w, 4] uint8 with its matte; frames of no use have none

    def draw(self, avatar: Avatar, camera: Camera) -> Drawn:
        """The avatar in this moment, over middle grey."""
        gaussians = avatar.decode(self.code, self.head_pose)
        return Drawn(
            render(gaussians, camera, backend="cpu", background=BACKGROUND).colors, gaussians
        )


@dataclass(frozen=True)
class Drawn:
    """Colours `[h, w, 3]` in [0, 1] of an avatar, and the posed Gaussians they are of."""

    colors: np.ndarray
    gaussians: Gaussians


@dataclass(frozen=True)
class KnownClip:
    """The clip: a still camera that sees the working window, and its moments in time's order."""

    path: Path
    camera: Camera
    window: PictureWindow
    encoded: EncodedVideo
    moments: tuple[Moment, ...]
    # Which pixels of a measured moment show mouth, eyes, skin and hair.
    regions: Callable[[Moment, Gaussians], Masks]

    def pictures(self) -> Iterator[np.ndarray]:
        """The working window `[h, w, 3]` uint8 of every frame, as it was filmed."""
        for pixels in frames_like(self.path, self.encoded):
            share = pixels.shape[1] / self.encoded.camera.width
            yield self.window.shrunk(share).cut(pixels)


def open_clip(video: Path, avatar: Avatar, work: Path, prior_folder: Path) -> KnownClip:
    """The clip that `avatar` was made from, by the folder of that work; raises where they do not belong together."""
    _require_same(video, avatar, work)
    encoded = EncodedVideo.load(work / "encode" / ENCODED)
    known, subject = KnownPerson.load(work / "guess"), load_subject(work / "guess")
    prior = load_prior(prior_folder)
    if encoded.code_space != avatar.code_space:
        raise AvatarError(
            f"The avatar '{avatar.name}' speaks '{avatar.code_space}', what was read of the video "
            f"'{encoded.code_space}': run the same personalization again."
        )
    guesser = Guesser(prior, load_identity(prior_folder, prior.parts))
    times_sec, codes, poses = follow_video(guesser, known, encoded)
    rows = np.searchsorted(encoded.times_sec, times_sec)
    used = {frame.name: frame for frame in subject.frames}
    moments = tuple(
        _moment(int(row), float(time_sec), code, pose, used.get(f"f{row:05d}"))
        for row, time_sec, code, pose in zip(rows, times_sec, codes, poses, strict=True)
    )
    window = PictureWindow(*(int(value) for value in known.window))
    regions = PersonRegions(guesser, known, subject, free=_num_free(work))
    return KnownClip(video, known.camera().camera, window, encoded, moments, regions)


def _moment(
    row: int, time_sec: float, code: np.ndarray, pose: np.ndarray, used: SubjectFrame | None
) -> Moment:
    if used is None:
        return Moment(row, time_sec, code, pose)
    kind = HELD_OUT if used.is_held_out else FITTED
    return Moment(row, time_sec, code, pose, kind, used.rgba)


@dataclass(frozen=True)
class PersonRegions:
    """Mouth, eyes, skin and hair of moments, where the guessed mesh lies."""

    guesser: Guesser
    known: KnownPerson
    subject: VideoSubject
    free: int  # the avatar's last Gaussians, which are hair

    def __call__(self, moment: Moment, gaussians: Gaussians) -> Masks:
        """Masks `[h, w]` of a moment that has a matte; `gaussians` are the avatar's, posed."""
        import torch

        scan, topology = self.subject.scan, self.guesser.prior.parts.topology
        identity = torch.from_numpy(np.asarray(self.known.identity_code, np.float32))
        offsets = self.guesser.offsets(moment.code[None], identity)[0]
        posed = posed_vertices(
            scan.vertices + offsets, moment.head_pose, scan.neck_pivot, topology.neck_weights
        )
        begin = len(gaussians.means) - self.free
        hair = gaussians.means[begin:][gaussians.opacities[begin:] > SOLID]
        return shown_regions(posed, topology, self.known.camera().camera, moment.rgba, hair)


def _require_same(video: Path, avatar: Avatar, work: Path) -> None:
    given = classify([video])
    if given.kind != "video":
        raise ModelError(f"'{video}' is no video: name the one that the avatar was made from.")
    record = work / "guess" / RECORD
    try:
        files = json.loads(record.read_text("utf8"))["made_from"]["files"]
    except (OSError, ValueError, KeyError, TypeError):
        raise ModelError(
            f"'{work}' holds no finished personalization: name its work folder with --work."
        ) from None
    digest = given.digest()
    if files != digest or key_of(digest) not in avatar.manifest.info.provenance.source:
        raise ModelError(
            f"The avatar '{avatar.name}' or the folder '{work}' was made from another file than '{video}': "
            "name the video, the avatar and the work folder of one personalization."
        )


def _num_free(work: Path) -> int:
    """How many of the avatar's Gaussians are free, by the record of the fit; 0 where it says nothing."""
    try:
        record = json.loads((work / "fit" / RECORD).read_text("utf8"))
        return int(record["result"]["free_gaussians"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0
