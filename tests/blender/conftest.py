"""A fresh, empty Blender with the add-on registered for every test, and small things to put into it."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy", reason="needs the bpy wheel")
pytest.importorskip("gaussian_heads_native", reason="needs gaussian-heads-native")

import gaussian_heads  # noqa: E402
from gaussian_heads.blender.avatars import load_avatar  # noqa: E402
from gaussian_heads.blender.proxy import create_avatar_object  # noqa: E402
from gaussian_heads.core.expression import ExpressionTrack  # noqa: E402
from gaussian_heads.core.progress import AnalysisCancelled  # noqa: E402
from gaussian_heads.core.spaces import ACTION_UNITS, ARKIT_INDEX, ARKIT_SPACE  # noqa: E402
from gaussian_heads.core.speech import HeardSpeech  # noqa: E402
from gaussian_heads.core.speech.heard import ActedSpeech  # noqa: E402
from gaussian_heads.core.speech.prosody import Prosody  # noqa: E402

from ..core.small_heads import small_linear_avatar  # noqa: E402
from .exr import read_exr  # noqa: E402
from .overlay_drawing import over  # noqa: E402, F401
from .portraits import painter, portrait_networks, portrait_photo  # noqa: E402, F401


@pytest.fixture(scope="session", autouse=True)
def registered():
    """The add-on in this process; Blender 4.5 wants it gone again at the end."""
    from gaussian_heads.operators import base

    gaussian_heads.register()
    base.reraise_unexpected = True
    yield
    gaussian_heads.unregister()


@pytest.fixture(autouse=True)
def scene(registered):
    """An empty scene of 32 x 24 pixels with the engine chosen and true colours."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "GAUSSIAN_HEADS"
    scene.render.resolution_x, scene.render.resolution_y = 32, 24
    scene.view_settings.view_transform = "Standard"
    scene.render.dither_intensity = 0.0
    return scene


@pytest.fixture(scope="session")
def avatar_file(registered, tmp_path_factory):
    """A small avatar of 600 Gaussians in arkit52."""
    return small_linear_avatar(tmp_path_factory.mktemp("avatar") / "small.uhap")


@pytest.fixture
def head(scene, avatar_file):
    """The small avatar's object at the origin."""
    return create_avatar_object(str(avatar_file), load_avatar(avatar_file), scene.collection)


@pytest.fixture
def overridden():
    """Make an empty scene with a library override of the small avatar's object, of this scene as a library file."""

    def make(library: str) -> bpy.types.Object:
        bpy.ops.wm.save_as_mainfile(filepath=library)
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        with bpy.data.libraries.load(library, link=True) as (_, here):
            here.objects = ["Small Head"]
        bpy.context.scene.collection.objects.link(here.objects[0])
        return here.objects[0].override_create(remap_local_usages=True)

    return make


@pytest.fixture
def user_folder(registered, tmp_path, monkeypatch):
    """The add-on's own folder in a place of the test's, and nothing kept of others."""
    from gaussian_heads.blender import preferences
    from gaussian_heads.blender.library import avatars as library
    from gaussian_heads.blender.library import thumbnails

    monkeypatch.setattr(preferences, "user_folder", lambda: tmp_path / "user")
    library.forget_library()
    yield tmp_path / "user"
    library.forget_library()
    thumbnails.forget_thumbnails()


@pytest.fixture
def character(scene):
    """Make a mesh character with shape keys of the given names; it becomes the active object."""

    def make(names, name="Character"):
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata([(0, 0, 0), (1, 0, 0), (0, 1, 0)], [], [(0, 1, 2)])
        obj = bpy.data.objects.new(name, mesh)
        scene.collection.objects.link(obj)
        for key in ("Basis", *names):
            obj.shape_key_add(name=key, from_mix=False)
        bpy.context.view_layer.objects.active = obj
        bpy.context.view_layer.update()
        return obj

    return make


@pytest.fixture
def camera(scene):
    """A camera 60 cm in front of the face, which looks along -Y."""
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    camera.location = (0.0, -0.6, -0.02)
    camera.rotation_euler = (np.pi / 2, 0.0, 0.0)
    scene.camera = camera
    return camera


def make_track(num_frames: int, seed: int = 1, *, fps: Fraction = Fraction(24)) -> ExpressionTrack:
    """A track of noise: every speech channel moves, of the blink layer two channels, no head pose."""
    random = np.random.default_rng(seed)
    blink = np.zeros((num_frames, 52), np.float32)
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        blink[:, ARKIT_INDEX[name]] = random.uniform(0.1, 1, num_frames)
    speech = random.uniform(0.05, 1, (num_frames, 52)).astype(np.float32)
    pose = np.zeros((num_frames, 6), np.float32)
    return ExpressionTrack({"speech": speech, "blink": blink}, pose, ARKIT_SPACE, fps)


class ClickAnalyser:
    """Stands in for the speech network: jawOpen rises to a click's height and falls again, 40 ms each.

    What it hears is real `HeardSpeech`, so that it is performed and stored as the network's.
    """

    RATE_HZ, REACH_SEC = 400, 0.04

    def __init__(self):
        self.efforts = []

    def listen(self, waveform, sample_rate, *, effort=1.0, progress=None):
        self.efforts.append(effort)
        times = (
            np.arange(max(len(waveform) * self.RATE_HZ // sample_rate, 1)) + 0.5
        ) / self.RATE_HZ
        arkit = np.zeros((len(times), 52), np.float32)
        loud = np.flatnonzero(np.abs(waveform) > 0.2)
        for number, piece in enumerate(np.split(loud, np.flatnonzero(np.diff(loud) > 800) + 1)):
            if progress is not None and progress(number / (len(loud) + 1)) is False:
                raise AnalysisCancelled("stopped")
            if piece.size:
                away = np.abs(times - piece[0] / sample_rate) / self.REACH_SEC
                pulse = np.abs(waveform[piece]).max() * np.clip(1.0 - away, 0.0, 1.0)
                jaw = arkit[:, ARKIT_INDEX["jawOpen"]]
                np.maximum(jaw, pulse, out=jaw)
        none = np.zeros(0)
        duration = Fraction(len(waveform), sample_rate)
        prosody = Prosody(float(duration), none.reshape(0, 2), none, none, none)
        closure = np.zeros(len(times), np.float32)
        return HeardSpeech.of(
            arkit, closure, self.RATE_HZ, prosody, duration_sec=duration, effort=effort
        )


@pytest.fixture
def analyser():
    """A deterministic stand-in for the speech network."""
    return ClickAnalyser()


@pytest.fixture
def stand_in(monkeypatch, analyser):
    """The operators listen with the stand-in."""
    from gaussian_heads.blender import speech

    monkeypatch.setattr(speech, "speech_model", lambda: analyser)
    return analyser


class SmilingGenerator:
    """Stands in for the motion generator: the smile of the direction, with a jaw that gives way to it.

    A warmer generator smiles wider by a hundredth of its temperature, another seed by a hundredth of the seed.
    """

    def __init__(self):
        self.calls = []

    def act(self, heard, direction, *, seed=0, temperature=1.0, progress=None, **_):
        self.calls.append((direction, seed, temperature))
        times_sec = (np.arange(len(heard.levels)) + 0.5) / heard.rate_hz
        smile = direction.at(times_sec)[:, ACTION_UNITS.index("AU12")] / 5
        weights = np.zeros((len(times_sec), 52), np.float32)
        shown = smile * np.float32(1 + 0.01 * (temperature - 1) + 0.01 * seed)
        for name in ("mouthSmileLeft", "mouthSmileRight"):
            weights[:, ARKIT_INDEX[name]] = shown
        weights[:, ARKIT_INDEX["jawOpen"]] = -0.5 * smile
        return ActedSpeech(weights, np.zeros(len(times_sec), np.float32), heard.rate_hz)


@pytest.fixture
def generator(monkeypatch):
    """A deterministic stand-in for the motion generator; nothing is kept of what others acted."""
    from gaussian_heads.blender.direction import generating

    made = SmilingGenerator()
    monkeypatch.setattr(generating, "motion_generator", lambda: made)
    generating._recent.clear()
    return made


@pytest.fixture
def track():
    """The maker of noise tracks."""
    return make_track


@pytest.fixture
def clicks(tmp_path):
    """Write a wav of `seconds` with a click (0.9, 5 ms) at each of the given times (s)."""
    import soundfile

    def write(seconds: float, times: list[float], name: str = "clicks.wav") -> Path:
        waveform = np.zeros(int(seconds * 16000), np.float32)
        for time in times:
            start = int(round(time * 16000))
            waveform[start : start + 80] = 0.9
        soundfile.write(tmp_path / name, waveform, 16000)
        return tmp_path / name

    return write


@pytest.fixture
def picture(scene, tmp_path):
    """Render the scene at a frame; RGBA [H, W, 4] float32 in linear light, top row first."""

    def render(frame: int = 1) -> np.ndarray:
        settings = scene.render.image_settings
        if hasattr(settings, "media_type"):
            settings.media_type = "IMAGE"
        settings.file_format, settings.color_depth = "OPEN_EXR", "32"
        settings.color_mode = "RGBA"
        scene.frame_set(frame)
        path = tmp_path / "picture.exr"
        path.unlink(missing_ok=True)
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(str(path), check_existing=False)
        image.colorspace_settings.name = "Non-Color"
        pixels = np.empty(len(image.pixels), np.float32)
        image.pixels.foreach_get(pixels)
        width, height = image.size
        bpy.data.images.remove(image)
        return pixels.reshape(height, width, 4)[::-1]

    return render


@pytest.fixture
def layers(scene, tmp_path):
    """Render the scene into a multilayer EXR; its channels [H, W] float32, top row first, by name."""

    def render() -> dict[str, np.ndarray]:
        settings = scene.render.image_settings
        if hasattr(settings, "media_type"):
            settings.media_type = "MULTI_LAYER_IMAGE"
        settings.file_format, settings.color_depth = "OPEN_EXR_MULTILAYER", "32"
        settings.exr_codec = "NONE"
        if hasattr(settings, "use_exr_interleave"):
            settings.use_exr_interleave = True
        path = tmp_path / "layers.exr"
        path.unlink(missing_ok=True)
        scene.render.filepath = str(path)
        bpy.ops.render.render(write_still=True)
        return read_exr(path)

    return render
