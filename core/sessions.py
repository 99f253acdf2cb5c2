"""Networks in ONNX files, opened in one way: few threads that do not spin, and a sentence where one cannot be used."""

from __future__ import annotations

import os
from pathlib import Path
from types import ModuleType

from .errors import ModelError

MAX_THREADS = 4
# Read by onnxruntime when it is imported first, and never again.
NO_TELEMETRY = "ORT_DISABLE_TELEMETRY"
MISSING = "needs the package onnxruntime, which is not installed: 'pip install onnxruntime'"


def runtime() -> ModuleType:
    """The package onnxruntime; raises `ImportError` without it.

    The one place that imports it: from version 1.31 on it keeps an identity of the computer in the user's cache and
    sends events to its maker, on every system, unless that is forbidden before.
    """
    os.environ[NO_TELEMETRY] = "1"
    import onnxruntime

    # Where another add-on has imported it before, this is what is left to do.
    onnxruntime.disable_telemetry_events()
    return onnxruntime


def open_session(path: Path, title: str, num_threads: int = 0) -> object:
    """An `onnxruntime.InferenceSession` of the file at `path`; raises `ModelError` that calls it `title`."""
    if not path.is_file():
        raise ModelError(f"There is no {title} '{path}': reinstall the extension.")
    try:
        runtime()
    except ImportError:
        raise ModelError(f"The {title} {MISSING}.") from None
    try:
        return make_session(path.read_bytes(), num_threads)
    except (OSError, *runtime_errors()) as error:
        raise ModelError(
            f"'{path}' is not a {title} that can be read ({first_line(error)}): "
            "reinstall the extension."
        ) from None


def require_kind(
    path: Path, session: object, kind: str, version: int, title: str
) -> dict[str, str]:
    """The metadata of a session's file, which must say that it is a `title` of this release."""
    metadata = dict(session.get_modelmeta().custom_metadata_map)
    if metadata.get("kind") != kind:
        raise ModelError(f"'{path}' is a network of another kind: choose a {title}.")
    if metadata.get("version") != str(version):
        raise ModelError(
            f"'{path}' is a {title} of version {metadata.get('version')}, this release reads version "
            f"{version}: update the extension."
        )
    return metadata


def make_session(data: bytes, num_threads: int = 0) -> object:
    """A session of a model's bytes on the CPU; raises what onnxruntime raises (`runtime_errors`)."""
    onnxruntime = runtime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = num_threads or min(MAX_THREADS, os.cpu_count() or 1)
    options.inter_op_num_threads = 1
    # Spinning threads would take the cores from what draws or decodes a video next.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    # Bytes may pass for onnxruntime's own format as well, which nobody looked into.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    # Warnings about a model are of no use to the person at the screen.
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(
        data, options, providers=["CPUExecutionProvider"], enable_fallback=False
    )


def runtime_errors() -> tuple[type[Exception], ...]:
    """What onnxruntime raises; its classes share no base but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    names = (
        "EPFail", "EngineError", "Fail", "InvalidArgument", "InvalidGraph", "InvalidProtobuf",
        "ModelLoaded", "NoModel", "NoSuchFile", "NotImplemented", "RuntimeException",
    )  # fmt: skip
    return (RuntimeError, ValueError, *(getattr(state, n) for n in names if hasattr(state, n)))


def first_line(error: Exception) -> str:
    """What an error says first, of bounded length."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
