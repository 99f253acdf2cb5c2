"""The monocular encoder's network: a small residual CNN from a crop of a face to everything that is read off it.

| stage  | out [B, C, H, W]  | layers                                                            |
|--------|-------------------|-------------------------------------------------------------------|
| stem   | 24, 80, 80        | 3x3, stride 2                                                     |
| 1      | 48, 40, 40        | 3x3 stride 2, residual pair of 3x3                                |
| 2      | 96, 20, 20        | the same with two residual pairs                                  |
| 3      | 160, 10, 10       | the same with one                                                 |
| 4      | 192, 5, 5         | 3x3 stride 2                                                      |
| fine   | 48, 40, 40        | stages 3, 2 and 1 added up on the way back, a 3x3 each            |
| places | 68 + 12 maps      | 1x1 on fine, softmax over the picture: where each landmark is     |
| eyes   | 96 each           | 48² of the crop about each eye and brow, upright: four 3x3        |
| mouth  | 128               | 64² about the mouth, upright: four 3x3                            |
| hidden | 288, 288          | stage 4 at all places, the places in crop and face, eyes, mouth   |

Places are means of where a softmax lies (integral regression, Sun et al. 2018), exact below a pixel. What is small
(lips that touch, an iris) is then looked at again where it is, in windows that turn and grow with the face (spatial
transformers, Jaderberg et al. 2015; both eyes through one network as in GazeCapture, Krafka et al. 2016): there an
expression is nearly all that still differs. Training says where the windows are until the network knows. Residual
blocks after He et al. 2016; batch normalisation, which inference folds into the convolutions. Plain 3x3 convolutions
train faster on CPUs than depthwise ones of the same accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

NUM_LANDMARKS = 68
# Places beyond the landmarks: the left and the right iris, then some that training uses as it likes.
FREE_PLACES, NUM_IRISES = 12, 2
LEFT_EYE, RIGHT_EYE, MOUTH = slice(42, 48), slice(36, 42), slice(48, 68)
# Windows: half their side and how far they lie above their landmarks, in distances between eyes and mouth.
EYE_REACH, EYE_RISE, MOUTH_REACH = 0.45, 0.1, 0.62
# Places are this much enlarged before the hidden layers; the last layer moves landmarks by a share.
PLACES_GAIN, FRAME_GAIN, CORRECTION = 8.0, 3.0, 0.3
# Sizes of the outputs of the last layer, in order; a rotation comes as two axes (Zhou et al. 2019).
PARTS = {"code": 0, "log_error": 1, "presence": 1, "axes": 6, "origin": 2, "log_size": 1} | {
    "landmarks": 2 * NUM_LANDMARKS,
    "gaze": 4,
    "mouth_mm": 4,
}


@dataclass(frozen=True)
class EncoderConfig:
    """Sizes of the network."""

    code_dim: int = 64
    crop_px: int = 160
    widths: tuple[int, ...] = (24, 48, 96, 160, 192)
    residuals: tuple[int, ...] = (0, 1, 2, 1, 0)
    fine: int = 48
    close_widths: tuple[int, ...] = (24, 48, 64, 64)
    eye_px: int = 48
    mouth_px: int = 64
    eye_out: int = 96
    mouth_out: int = 128
    neck: int = 32
    hidden: int = 288

    def parts(self) -> dict[str, int]:
        """Names and sizes of what the last layer gives."""
        return PARTS | {"code": self.code_dim}

    def place(self, wanted: str) -> slice:
        """Where a part lies in the last layer."""
        sizes, names = list(self.parts().values()), list(self.parts())
        first = sum(sizes[: names.index(wanted)])
        return slice(first, first + self.parts()[wanted])


class Readings(NamedTuple):
    """What is read from crops: see `core.monocular.encoder.FaceReadings`."""

    code: Tensor  # [B, D]
    log_error: Tensor  # [B]
    presence: Tensor  # [B]
    rotation: Tensor  # [B, 3, 3]
    origin: Tensor  # [B, 2]
    log_size: Tensor  # [B]
    landmarks: Tensor  # [B, 68, 2]
    gaze: Tensor  # [B, 2, 2]
    mouth_mm: Tensor  # [B, 4]


class Hints(NamedTuple):
    """What parts of the network say by themselves, for training alone."""

    log_shares: Tensor  # [B, 80, H, W] where the places lie
    eyes: Tensor  # [2, B, 3] left, right: gaze (yaw outwards), lid gap, over their spread
    mouth: Tensor  # [B, 2 + D] lip gap, width and code, over their spread


class FaceEncoder(nn.Module):
    """Crops `[B, 3, S, S]` in [0, 255] to `Readings`."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        inputs = (3, *config.widths[:-1])
        self.stages = nn.ModuleList(
            nn.Sequential(_conv(a, b, 2), *(Residual(b) for _ in range(residuals)))
            for a, b, residuals in zip(inputs, config.widths, config.residuals, strict=True)
        )
        self.neck = _conv(config.widths[-1], config.neck, 1, kernel=1)
        self.fine = FineMaps(config.widths[1:4], config.fine)
        self.places = nn.Conv2d(config.fine, NUM_LANDMARKS + FREE_PLACES, 1)
        self.eye = CloseLook(config.close_widths, config.eye_px, config.eye_out)
        self.mouth = CloseLook(config.close_widths, config.mouth_px, config.mouth_out)
        side = config.crop_px
        for _ in config.widths:
            side = (side + 1) // 2
        self.num_close = 2 * config.eye_out + config.mouth_out
        seen = 4 * (NUM_LANDMARKS + FREE_PLACES) + self.num_close
        self.hidden = nn.Sequential(
            _dense(config.neck * side * side + seen, config.hidden),
            _dense(config.hidden, config.hidden),
        )
        self.eye_hint = nn.Linear(config.eye_out, 3)
        self.mouth_hint = nn.Linear(config.mouth_out, 2 + config.code_dim)
        total = sum(config.parts().values())
        self.out = nn.Linear(config.hidden, total)
        with torch.no_grad():
            self.out.weight.mul_(0.3)
            self.out.bias.zero_()
        # What outputs are on average, and how much they vary.
        self.register_buffer("mean", torch.zeros(total))
        self.register_buffer("spread", torch.ones(total))

    def set_statistics(self, values: dict[str, Tensor]) -> None:
        """Take mean and spread of each output from samples `[N, size]` by name, where given."""
        for name, rows in values.items():
            place = self.config.place(name)
            rows = rows.reshape(len(rows), -1).float()
            self.mean[place] = rows.mean(0)
            self.spread[place] = rows.std(0).clamp(min=1e-3)

    def forward(self, crops: Tensor) -> Readings:
        """Read crops."""
        return self.read(crops)[0]

    def read(self, crops: Tensor, guide: Tensor | None = None) -> tuple[Readings, Hints]:
        """Read crops; `guide` `[B, 68, 2]` says where to look closely, where it is a number."""
        pixels = crops * (4.0 / 255.0) - 2.0
        maps, levels = pixels, []
        for stage in self.stages:
            maps = stage(maps)
            levels.append(maps)
        logits = self.places(self.fine(levels[1:4]))
        # In rows: a softmax over strided memory takes ten times as long to go back through.
        logs = torch.log_softmax(logits.float().flatten(2).contiguous(), 2)
        places = logs.exp() @ _grid(logits)
        spots = places[:, :NUM_LANDMARKS].detach()
        if guide is not None:
            spots = torch.where(torch.isnan(guide), spots, guide)
        eyes, mouth = self._close(pixels, spots)
        features = [
            self.neck(maps).flatten(1),
            (PLACES_GAIN * (places - 0.5)).flatten(1),
            *eyes,
            mouth,
            (FRAME_GAIN * in_face_frame(places)).flatten(1),
        ]
        # Millimetres are differences of places: more than eight bits.
        with torch.autocast(crops.device.type, enabled=False):
            hidden = self.hidden(torch.cat([part.float() for part in features], 1))
            values = self.out(hidden) * self.spread + self.mean
        hints = Hints(
            logs.reshape(*logs.shape[:2], *logits.shape[2:]),
            self.eye_hint(eyes).float(),
            self.mouth_hint(mouth).float(),
        )
        return self._readings(values, places), hints

    def _readings(self, values: Tensor, places: Tensor) -> Readings:
        """Outputs by name, from those of the last layer `[B, all]`."""
        sizes = self.config.parts()
        parts = dict(zip(sizes, values.split(list(sizes.values()), 1), strict=True))
        # The last layer's landmarks correct the places: those may lie outside, too.
        mean = self.mean[self.config.place("landmarks")]
        shift = CORRECTION * (parts["landmarks"] - mean)
        return Readings(
            code=parts["code"],
            log_error=parts["log_error"][:, 0],
            presence=parts["presence"][:, 0],
            rotation=rotation_of(parts["axes"]),
            origin=parts["origin"],
            log_size=parts["log_size"][:, 0],
            landmarks=places[:, :NUM_LANDMARKS] + shift.reshape(-1, NUM_LANDMARKS, 2),
            gaze=parts["gaze"].reshape(-1, 2, 2),
            mouth_mm=parts["mouth_mm"],
        )

    def _close(self, pixels: Tensor, spots: Tensor) -> tuple[Tensor, Tensor]:
        """What the eyes `[2, B, eye_out]` and the mouth `[B, mouth_out]` look like."""
        left, right, mouth, across, below = face_frame(spots)
        side = self.config.eye_px
        rise = EYE_RISE * below
        # The right eye is mirrored: both look the same.
        eyes = [
            _window(pixels, center - rise, sign * EYE_REACH * across, EYE_REACH * below, side)
            for center, sign in ((left, 1.0), (right, -1.0))
        ]
        looks = self.eye(torch.cat(eyes)).reshape(2, -1, self.config.eye_out)
        reach = (MOUTH_REACH * across, MOUTH_REACH * below)
        lips = self.mouth(_window(pixels, mouth, *reach, self.config.mouth_px))
        return looks, lips


def face_frame(spots: Tensor) -> tuple[Tensor, ...]:
    """Middles of left eye, right eye and mouth of landmarks `[B, 68, 2]`, and the face's axes across and down.

    The axes `[B, 2]` are square to each other and about as long as the eyes are from each other or from the mouth.
    """
    left, right, mouth = (spots[:, part].mean(1) for part in (LEFT_EYE, RIGHT_EYE, MOUTH))
    down = mouth - 0.5 * (left + right)
    # Along the eyes and across the nose: one of the two stays long in every view.
    across = left - right + torch.stack([down[:, 1], -down[:, 0]], 1)
    size = (0.5 * (down.square().sum(1) + (left - right).square().sum(1)) + 1e-4).sqrt()
    across = functional.normalize(across, dim=1) * size[:, None]
    return left, right, mouth, across, torch.stack([-across[:, 1], across[:, 0]], 1)


def in_face_frame(places: Tensor) -> Tensor:
    """Places `[B, P, 2]`, landmarks first, along the face's own axes: however the crop lies, they stay."""
    left, right, _, across, below = face_frame(places[:, :NUM_LANDMARKS].detach())
    apart = places - 0.5 * (left + right)[:, None]
    # Places that all fall together have no axes: nothing is divided by nothing.
    size = across.square().sum(1).clamp(min=1e-4)
    axes = torch.stack([across, below], 2) / size[:, None, None]
    return apart @ axes


class CloseLook(nn.Module):
    """A small square of the crop to a row of numbers."""

    def __init__(self, widths: tuple[int, ...], side_px: int, outputs: int) -> None:
        super().__init__()
        a, b, c, d = widths
        self.maps = nn.Sequential(
            _conv(3, a, 2), _conv(a, b, 2), _conv(b, c, 1), _conv(c, d, 2), _conv(d, d // 4, 1, 1)
        )
        self.out = _dense(d // 4 * (side_px // 8) ** 2, outputs)

    def forward(self, pixels: Tensor) -> Tensor:
        return self.out(self.maps(pixels).flatten(1))


def _window(pixels: Tensor, center: Tensor, across: Tensor, below: Tensor, side_px: int) -> Tensor:
    """Squares `[B, C, S, S]` of pictures about centres, with half sides `across` and `below` (`[B, 2]` in [0, 1])."""
    steps = (torch.arange(side_px, device=pixels.device) + 0.5) * (2.0 / side_px) - 1.0
    x, y = steps[None, None, :, None], steps[None, :, None, None]
    spots = center[:, None, None] + x * across[:, None, None] + y * below[:, None, None]
    return functional.grid_sample(
        pixels, 2.0 * spots - 1.0, padding_mode="border", align_corners=False
    )


class FineMaps(nn.Module):
    """Maps at a quarter of the crop's side that know what coarser ones see."""

    def __init__(self, widths: tuple[int, ...], fine: int) -> None:
        super().__init__()
        self.coarse = nn.Conv2d(widths[2], fine, 1)
        self.middle = nn.Conv2d(widths[1], fine, 1)
        self.mixed = _conv(fine, fine, 1)
        self.near = nn.Conv2d(widths[0], fine, 1)
        self.out = _conv(fine, fine, 1)

    def forward(self, levels: list[Tensor]) -> Tensor:
        near, middle, coarse = levels
        mixed = self.mixed(_twice(self.coarse(coarse)) + self.middle(middle))
        return self.out(functional.relu(_twice(mixed) + self.near(near)))


def _twice(maps: Tensor) -> Tensor:
    return functional.interpolate(maps, scale_factor=2.0, mode="nearest")


def _grid(maps: Tensor) -> Tensor:
    """Middles `[H * W, 2]` of the cells, x and y in [0, 1]."""
    height, width = maps.shape[2:]
    y = (torch.arange(height, device=maps.device) + 0.5) / height
    x = (torch.arange(width, device=maps.device) + 0.5) / width
    return torch.stack([x.repeat(height), y.repeat_interleave(width)], 1)


class Residual(nn.Module):
    """Two 3x3 convolutions around which the input goes."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = _conv(width, width, 1)
        self.second = nn.Sequential(
            nn.Conv2d(width, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width)
        )

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.second(self.first(x)))


def rotation_of(axes: Tensor) -> Tensor:
    """Rotations `[B, 3, 3]` whose first two columns are two vectors `[B, 6]`, made square."""
    first = functional.normalize(axes[:, :3], dim=1)
    second = axes[:, 3:] - (first * axes[:, 3:]).sum(1, keepdim=True) * first
    second = functional.normalize(second, dim=1)
    # Spelled out: exporters know no cross product.
    (a, b, c), (d, e, f) = first.unbind(1), second.unbind(1)
    third = torch.stack([b * f - c * e, c * d - a * f, a * e - b * d], 1)
    return torch.stack([first, second, third], 2)


def _conv(inputs: int, outputs: int, stride: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


def _dense(inputs: int, outputs: int) -> nn.Sequential:
    """A full layer whose units cannot die: plain ones were nearly all silent after some hundred steps.

    Without normalisation, whose noise would be the greater part of a small error.
    """
    return nn.Sequential(nn.Linear(inputs, outputs), nn.LeakyReLU(0.1))
