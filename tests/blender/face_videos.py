"""A stand-in of the face encoder: the brightness of every frame is how far the jaw is open."""

from fractions import Fraction

import numpy as np
from gaussian_heads.core.expression import ExpressionTrack
from gaussian_heads.core.monocular.video import EncodingCancelled
from gaussian_heads.core.spaces import ARKIT_INDEX, ARKIT_SPACE
from gaussian_heads.core.video import VideoFile


class SeenFace:
    """The part of `EncodedVideo` that Blender uses; the head turns as far as the jaw opens."""

    def __init__(self, times_sec, brightness, fps, notes=()):
        self.times_sec = np.array(times_sec)
        self.brightness = np.array(brightness, np.float32)
        self.fps = fps
        self.notes = notes

    def track(self, *, neck_pivot=None, use_rest=False, start_sec=None):
        codes = np.zeros((len(self.brightness), 52), np.float32)
        codes[:, ARKIT_INDEX["jawOpen"]] = self.brightness - (0.1 if use_rest else 0.0)
        codes[:, ARKIT_INDEX["eyeBlinkLeft"]] = 0.25
        pose = np.zeros((len(codes), 6), np.float32)
        pose[:, 1] = self.brightness
        return ExpressionTrack({"speech": codes}, pose, ARKIT_SPACE, self.fps)


class BrightnessEncoder:
    """Reads real videos; remembers what it was asked."""

    def __init__(self):
        self.calls = []
        self.notes = ()
        self.before_frame = lambda: None

    def __call__(self, path, *, progress=None, choices=None, **_):
        self.calls.append((path, choices))
        video = VideoFile.open(path)
        times, levels = [], []
        for frame in video.frames(begin_sec=choices.begin_sec, end_sec=choices.end_sec):
            self.before_frame()
            if progress and progress(len(times) / video.info.num_frames) is False:
                raise EncodingCancelled("Reading the video was stopped.")
            times.append(frame.time_sec)
            levels.append(frame.pixels.mean() / 255)
        return SeenFace(times, levels, Fraction(video.info.fps), self.notes)


def write_ramp(path, num_frames=51, fps=25):
    """A video whose brightness rises steadily from 0 to 1."""
    import av

    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.options = {"crf": "4", "preset": "ultrafast"}
        for k in range(num_frames):
            pixels = np.full((48, 64, 3), round(255 * k / (num_frames - 1)), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path
