"""Networks of the monocular encoder: opened once, compared with what is expected of them, run on few cores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import ModelError
from ..sessions import first_line, open_session, require_kind, runtime_errors

VERSION = 1


@dataclass(frozen=True)
class Ports:
    """What a network is called in its file and in sentences, its input, and the shapes of its outputs.

    -1 stands for a size that may be any; the first is the batch everywhere. The input is uint8.
    """

    kind: str
    title: str
    input: str
    input_shape: tuple[int, ...]
    outputs: Mapping[str, tuple[int, ...]]


class Network:
    """An ONNX file that fits its ports; holds no state between calls and may be shared by threads."""

    def __init__(self, session: object, path: Path, ports: Ports) -> None:
        self._session, self.path, self.ports = session, path, ports
        self.metadata: dict[str, str] = {}

    @classmethod
    def open(cls, path: Path | str, ports: Ports, *, num_threads: int = 0) -> Network:
        """Read the network at `path`; raises `ModelError` with the reason where it cannot be used."""
        path = Path(path)
        network = cls(open_session(path, ports.title, num_threads), path, ports)
        network._check()
        return network

    def run(self, pictures: np.ndarray) -> dict[str, np.ndarray]:
        """All outputs by name for a batch of uint8 pictures; raises where the network fails."""
        names = list(self.ports.outputs)
        try:
            values = self._session.run(names, {self.ports.input: np.ascontiguousarray(pictures)})
        except runtime_errors() as error:
            raise ModelError(
                f"The {self.ports.title} '{self.path}' failed ({first_line(error)}): "
                "reinstall the extension."
            ) from None
        found = dict(zip(names, values, strict=True))
        for name, value in found.items():
            if not _fits(value.shape, self.ports.outputs[name]) or len(value) != len(pictures):
                raise ModelError(
                    f"The {self.ports.title} '{self.path}' gave '{name}' of shape {value.shape}: "
                    "reinstall the extension."
                )
            if not np.isfinite(value).all():
                raise ModelError(
                    f"The {self.ports.title} '{self.path}' gave numbers that are not finite: "
                    "reinstall the extension."
                )
        return found

    def _check(self) -> None:
        ports = self.ports
        self.metadata = require_kind(self.path, self._session, ports.kind, VERSION, ports.title)
        inputs = {value.name: value for value in self._session.get_inputs()}
        outputs = {value.name: value for value in self._session.get_outputs()}
        fits = list(inputs) == [ports.input] and inputs[ports.input].type == "tensor(uint8)"
        fits = fits and _fits(inputs[ports.input].shape, ports.input_shape)
        for name, shape in ports.outputs.items():
            port = outputs.get(name)
            fits = fits and port is not None and port.type == "tensor(float)"
            fits = fits and _fits(port.shape, shape)
        if not fits:
            raise ModelError(
                f"'{self.path}' has other inputs or outputs than a {ports.title}: "
                "reinstall the extension."
            )


def _fits(shape: Sequence, wanted: tuple[int, ...]) -> bool:
    """Whether a declared or real shape agrees; names in place of sizes agree with all."""
    pairs = zip(shape, wanted, strict=False)
    return len(shape) == len(wanted) and all(
        size == want or want < 0 or not isinstance(size, int) for size, want in pairs
    )
