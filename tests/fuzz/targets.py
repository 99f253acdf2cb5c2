"""Every reader of files that strangers make: valid inputs to begin with, how they are changed, what reads them."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random

import numpy as np
from gaussian_heads.core.audio import SPEECH_RATE_HZ, load_audio
from gaussian_heads.core.avatar import Avatar
from gaussian_heads.core.avatar.manifest import Manifest, parse_manifest
from gaussian_heads.core.avatar.summary import read_summary
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.importers.action_units import read_action_units
from gaussian_heads.core.importers.lam import import_lam
from gaussian_heads.core.importers.performance import read_performance
from gaussian_heads.core.importers.splat_ply import open_static_avatar
from gaussian_heads.core.job_records import read_record
from gaussian_heads.core.livelink import write_livelink_csv
from gaussian_heads.core.monocular.encoded import EncodedVideo, VideoCamera
from gaussian_heads.core.shots import read_shots
from gaussian_heads.core.speech.heard_bytes import StoredSpeech
from gaussian_heads.core.speech.prosody import Prosody
from gaussian_heads.core.video import VideoFile, is_image, read_image, read_sound

from ..core.moving_pictures import counted_frames, write_video
from ..core.small_heads import (
    small_info,
    small_latent_avatar,
    small_linear_avatar,
    small_onnx_avatar,
)
from ..core.small_lam import small_lam_zip
from .mutations import (
    Mutation,
    bytes_changed,
    json_changed,
    ply_changed,
    text_changed,
    zip_changed,
)


@dataclass(frozen=True)
class Target:
    """A reader of `suffix` files; a process that reads nothing else stays below `most_mb` of memory."""

    name: str
    suffix: str
    make: Callable[[Path], Sequence[Path | bytes]]
    change: Mutation
    read: Callable[[Path], object]
    most_mb: int = 1024

    def seeds(self) -> tuple[bytes, ...]:
        """Valid files."""
        return _seeds(self.name)

    def made(self) -> tuple[bytes, ...]:
        """Valid files, made anew."""
        with tempfile.TemporaryDirectory() as folder:
            made = self.make(Path(folder))
            return tuple(m if isinstance(m, bytes) else m.read_bytes() for m in made)

    def input(self, random: Random) -> bytes:
        """A file that was valid before it was changed."""
        data = self.change(random.choice(self.seeds()), random)
        return (data if random.random() < 0.8 else bytes_changed(data, random)) or b"\x00"


@cache
def _seeds(name: str) -> tuple[bytes, ...]:
    return BY_NAME[name].made()


def _track() -> ExpressionTrack:
    codes = np.linspace(0, 1, 5 * 52, dtype=np.float32).reshape(5, 52)
    return ExpressionTrack({"speech": codes}, np.zeros((5, 6), np.float32), "arkit52", Fraction(25))


def _tracks(folder: Path) -> list[Path]:
    _track().save(folder / "a.npz")
    return [folder / "a.npz"]


def _encoded(folder: Path) -> list[Path]:
    n = 4
    single = np.float32
    EncodedVideo(
        fps=Fraction(25),
        times_sec=np.arange(n) / 25,
        codes=np.zeros((n, 52), single),
        code_space="arkit52",
        confidence=np.ones(n, single),
        is_present=np.ones(n, bool),
        shot=np.zeros(n, np.int32),
        landmarks_px=np.zeros((n, 68, 2), single),
        camera=VideoCamera(96, 64, 100.0),
        head_rotation=np.zeros((n, 3), single),
        head_position_m=np.ones((n, 3), single),
        gaze_rad=np.zeros((n, 2, 2), single),
        mouth_mm=np.ones((n, 4), single),
    ).save(folder / "e.npz")
    return [folder / "e.npz"]


def _livelink(folder: Path) -> list[Path]:
    write_livelink_csv(_track(), folder / "a.csv")
    return [folder / "a.csv"]


def _audio2face(folder: Path) -> list[bytes]:
    names = ["jawOpen", "mouthClose", "eyeBlinkLeft", "mouthSmileLeft"]
    rows = [[0.1, 0.0, 0.5, 1.0]] * 4
    records = [
        {"timeCode": i / 30, "blendShapes": dict(zip(names, rows[0], strict=True))}
        for i in range(4)
    ]
    documents = (
        {"facsNames": names, "weightMat": rows, "exportFps": 30.0, "numFrames": 4},
        {"names": names, "frames": [{"time": i / 30, "weights": rows[0]} for i in range(4)]},
        records,
    )
    return [json.dumps(document).encode() for document in documents]


def _action_units(_: Path) -> list[bytes]:
    return [
        b"frame, face_id, timestamp, confidence, success, AU01_r, AU12_r, AU12_c\n"
        + b"".join(b"%d, 0, %.3f, 0.98, 1, 0.5, 2.0, 1\n" % (i + 1, i / 25) for i in range(5)),
        b"frame_time_in_ms,au_1_intensity,au_12_intensity,au_4\n0,0.1,2.0,1\n40,0.2,2.1,0\n80,0.3,1,0\n",
        b"frame;AU01;AU12\n0;0,1;0,5\n1;0,2;0,6\n",
    ]


def _shots_csv(_: Path) -> list[bytes]:
    return [
        b"name,audio,avatar,frames,fps,size,output,seed,liveliness\n"
        b"a,x.wav,builtin:maya,1-50:2,25,512x512,png,3,0.5\nb,x.wav,,7,30000/1001,640x480,mp4,,\n"
    ]


def _shots_json(_: Path) -> list[bytes]:
    rows = [{"name": "a", "audio": "x.wav", "frames": "1-9", "size": [64, 64], "transparent": True}]
    return [json.dumps({"defaults": {"fps": 25, "output": "png"}, "shots": rows}).encode()]


def _splats(_: Path) -> list[bytes]:
    files = []
    for num_rest in (0, 9):
        names = [
            "x",
            "y",
            "z",
            "opacity",
            *(f"f_dc_{i}" for i in range(3)),
            *(f"scale_{i}" for i in range(3)),
        ]
        names += [*(f"rot_{i}" for i in range(4)), *(f"f_rest_{i}" for i in range(num_rest))]
        head = "ply\nformat binary_little_endian 1.0\nelement vertex 6\n"
        head += "".join(f"property float {name}\n" for name in names) + "end_header\n"
        files.append(head.encode() + np.linspace(-1, 1, 6 * len(names), dtype="<f4").tobytes())
    return files


def _heard(_: Path) -> list[bytes]:
    levels = (np.arange(200, dtype=np.uint16) * 97).reshape(100, 2)
    phrases, syllables = np.array([[0.1, 0.8]]), np.array([0.2, 0.4])
    prosody = Prosody(1.0, phrases, syllables, np.array([0.2]), np.array([0.5]))
    return [
        StoredSpeech((17, 18), levels, levels[:, 0].copy(), 100, Fraction(1), prosody).to_bytes()
    ]


def _sounds(folder: Path) -> list[Path]:
    import soundfile

    samples = (0.1 * np.sin(np.arange(4000) / 9)).astype(np.float32)
    for name in ("a.wav", "a.flac", "a.ogg", "a.aiff", "a.au", "a.w64", "a.caf"):
        soundfile.write(folder / name, samples, 16_000)
    soundfile.write(folder / "b.wav", np.stack([samples] * 3, 1), 44_100, subtype="FLOAT")
    return [*folder.iterdir()]


def _videos(folder: Path) -> list[Path]:
    for name, codec in (("a.mp4", "libx264"), ("a.mkv", "mpeg4"), ("a.avi", "mpeg4"), ("a.webm", "libvpx"),
                        ("a.mpg", "mpeg2video")):  # fmt: skip
        sound = {} if name in ("a.webm", "a.mpg") else {"sound_from_sec": 0.1}
        write_video(folder / name, counted_frames(4), codec=codec, **sound)
    return [*folder.iterdir()]


def _pictures(folder: Path) -> list[Path]:
    from PIL import Image

    picture = Image.fromarray(counted_frames(1)[0])
    exif = picture.getexif()
    exif[0x0112] = 6
    for suffix in ("png", "jpg", "webp", "tiff", "bmp"):
        picture.save(folder / f"a.{suffix}", **({} if suffix == "bmp" else {"exif": exif}))
    return [*folder.iterdir()]


def _packages(folder: Path) -> list[Path]:
    return [small_linear_avatar(folder / "a.uhap", 60), small_latent_avatar(folder / "b.uhap", 60)]


def _records(_: Path) -> list[bytes]:
    document = {
        "format": "gaussian_heads.shot",
        "version": 1,
        "state": "done",
        "settings": {"fps": "25"},
    }
    return [json.dumps(document).encode()]


def _manifests(_: Path) -> list[bytes]:
    return [Manifest(small_info(), "linear", 9, ((0.0,) * 3, (1.0,) * 3)).to_json()]


def _read_package(path: Path) -> None:
    read_summary(path)
    avatar = Avatar.open(path, threads=1)
    avatar.decode(np.zeros(avatar.code_dim, np.float32))


def _read_manifest(path: Path) -> None:
    manifest = parse_manifest(path.read_bytes())
    "\n".join((manifest.info.name, *manifest.info.credits)).encode("utf8")


def _read_performance(path: Path) -> None:
    track = read_performance(path, None)
    track.codes(), track.times_sec()


def _read_units(path: Path) -> None:
    read_action_units(path, 25).direction(Fraction(30))


def _read_video(path: Path) -> None:
    video = VideoFile.open(path)
    for number, _ in enumerate(video.frames(64)):
        if number > 30:
            break
    read_sound(path) if video.info.has_sound else None


def _read_picture(path: Path) -> None:
    if is_image(path):
        read_image(path)


TARGETS = (
    Target("package", ".uhap", _packages, zip_changed, _read_package),
    Target("decoder", ".uhap", lambda f: [small_onnx_avatar(f / "o.uhap", 60)], zip_changed, _read_package, 2048),
    Target("manifest", ".json", _manifests, json_changed, _read_manifest),
    Target("lam", ".zip", lambda f: [small_lam_zip(f / "a.zip")], zip_changed, import_lam, 2048),
    Target("ply", ".ply", _splats, ply_changed, open_static_avatar),
    Target("livelink", ".csv", _livelink, text_changed, _read_performance),
    Target("audio2face", ".json", _audio2face, json_changed, _read_performance),
    Target("track", ".npz", _tracks, zip_changed, ExpressionTrack.load),
    Target("encoded", ".npz", _encoded, zip_changed, EncodedVideo.load),
    Target("units", ".csv", _action_units, text_changed, _read_units),
    Target("shots_csv", ".csv", _shots_csv, text_changed, read_shots),
    Target("shots_json", ".json", _shots_json, json_changed, read_shots),
    Target("record", ".json", _records, json_changed, read_record),
    Target("heard", ".bin", _heard, bytes_changed, lambda p: StoredSpeech.from_bytes(p.read_bytes())),
    Target("sound", ".wav", _sounds, bytes_changed, lambda p: load_audio(p, target_rate=SPEECH_RATE_HZ), 1536),
    Target("video", ".mp4", _videos, bytes_changed, _read_video, 2048),
    Target("picture", ".png", _pictures, bytes_changed, _read_picture, 2048),
)  # fmt: skip
BY_NAME = {target.name: target for target in TARGETS}
