"""The numbers of the mouth decoder as tensors, and the file that holds those fitted to captured motion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ..core.files import replace_on_success
from .coarticulation_tables import ARTICULATORS, CONTROLS, TARGETS
from .speech_inventory import ALL_PHONES

FITTED = Path(__file__).with_name("coarticulation_fitted.json")
WINDOW = ("ahead_sec", "behind_sec", "lead_sec")
DIGITS = 4


def start_parameters() -> dict[str, Tensor]:
    """The hand-set model: targets `[C, 44]`, log dominances `[A, 44]`, windows `[A, 3]`, effort `[A]`."""
    targets = [[TARGETS[phone].get(name, 0.0) for phone in ALL_PHONES] for name in CONTROLS]
    windows = [[getattr(a, name) for name in WINDOW] for a in ARTICULATORS]
    return {
        "targets": torch.tensor(targets),
        "log_dominances": torch.log(torch.tensor([a.dominances() for a in ARTICULATORS])),
        "windows_sec": torch.tensor(windows),
        "effort": torch.tensor([a.effort for a in ARTICULATORS]),
    }


def load_parameters(path: Path = FITTED) -> dict[str, Tensor]:
    """The hand-set model with what `path`, where there is such a file, holds instead."""
    parameters = start_parameters()
    if not path.is_file():
        return parameters
    content = json.loads(path.read_text("utf8"))
    for control, values in content["targets"].items():
        parameters["targets"][CONTROLS.index(control)] = _by_phone(values)
    names = [articulator.name for articulator in ARTICULATORS]
    for name, values in content["articulators"].items():
        row = names.index(name)
        parameters["log_dominances"][row] = torch.log(_by_phone(values["dominance"]))
        parameters["windows_sec"][row] = torch.tensor([values[key] for key in WINDOW])
        parameters["effort"][row] = values["effort"]
    return parameters


def save_parameters(
    parameters: Mapping[str, Tensor], articulators: tuple[str, ...], path: Path
) -> None:
    """Write the named articulators and the targets of their controls."""
    content: dict[str, dict] = {"articulators": {}, "targets": {}}
    for row, articulator in enumerate(ARTICULATORS):
        if articulator.name not in articulators:
            continue
        window = zip(WINDOW, _numbers(parameters["windows_sec"][row]), strict=True)
        content["articulators"][articulator.name] = dict(window) | {
            "effort": _numbers(parameters["effort"][row : row + 1])[0],
            "dominance": _of_phones(torch.exp(parameters["log_dominances"][row])),
        }
        for control in articulator.controls:
            target = parameters["targets"][CONTROLS.index(control)]
            content["targets"][control] = _of_phones(target)
    with replace_on_success(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf8")


def _by_phone(values: Mapping[str, float]) -> Tensor:
    return torch.tensor([float(values[phone]) for phone in ALL_PHONES])


def _of_phones(values: Tensor) -> dict[str, float]:
    return dict(zip(ALL_PHONES, _numbers(values), strict=True))


def _numbers(values: Tensor) -> list[float]:
    return [round(float(value), DIGITS) for value in values]
