"""Small videos for tests, written by PyAV: counted frames, tags, clocks, sound."""

from fractions import Fraction

import numpy as np

MARK_LEFT_TOP = 12
RATE_HZ = 48_000


def still(width, height, number=0, seed=None):
    """A picture whose middle's brightness is its number and whose left top corner is white."""
    pixels = np.full((height, width, 3), 20 + 8 * number, np.uint8)
    if seed is not None:
        rng = np.random.default_rng([seed, number])
        pixels[:16] = rng.integers(0, 200, (16, width, 3))
    pixels[:MARK_LEFT_TOP, :MARK_LEFT_TOP] = 255
    return pixels


def counted_frames(count, *, seed=None):
    return [still(96, 64, k % 27, seed) for k in range(count)]


def write_video(
    path,
    frames,
    *,
    size=(96, 64),
    codec="libx264",
    rotation_deg=0,
    pixel_aspect=None,
    matrix=None,
    ticks_ms=None,
    sound_from_sec=None,
    speech=None,
    is_fast_start=False,
):
    """`ticks_ms` are the frames' times; `speech` is sound, [S] and its rate, coded as phones do."""
    import av

    options = {"movflags": "faststart"} if is_fast_start and path.suffix == ".mp4" else {}
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000) if ticks_ms else Fraction(1, 25)
        if codec == "libx264":
            stream.options = {"crf": "12", "preset": "ultrafast"}
        if matrix:
            number = {"ITU601": 6, "ITU709": 1}[matrix]
            stream.codec_context.colorspace = number
        if pixel_aspect:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if rotation_deg:
            stream.set_display_rotation(rotation_deg)
        tone = (
            container.add_stream("pcm_s16le", rate=RATE_HZ) if sound_from_sec is not None else None
        )
        if speech:
            tone = container.add_stream("aac", rate=speech[1])
        if tone:
            tone.layout = "mono"
        container.start_encoding()
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if matrix:
                frame = frame.reformat(
                    format="yuv420p", dst_colorspace=matrix, dst_color_range="MPEG"
                )
            frame.pts = ticks_ms[number] if ticks_ms else number
            frame.time_base = stream.codec_context.time_base
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if tone:
            container.mux(_spoken(tone, *speech) if speech else _tone(tone, sound_from_sec))
    return path


def _spoken(stream, samples, rate):
    import av

    frame = av.AudioFrame.from_ndarray(samples[None].astype(np.float32), "fltp", "mono")
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
    context = stream.codec_context
    pieces = av.AudioResampler("fltp", "mono", rate, frame_size=context.frame_size)
    parts = [*pieces.resample(frame), *pieces.resample(None)]
    return [packet for part in [*parts, None] for packet in stream.encode(part)]


def _tone(stream, from_sec):
    import av

    samples = (8000 * np.sin(np.arange(RATE_HZ // 2) / 10)).astype(np.int16)
    frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
    frame.sample_rate, frame.time_base = RATE_HZ, Fraction(1, RATE_HZ)
    frame.pts = round(from_sec * RATE_HZ)
    return [*stream.encode(frame), *stream.encode()]
