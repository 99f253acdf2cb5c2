"""Whether Blender may ask this machine for a graphics context at all."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from functools import cache

import bpy

_POINTER = ctypes.c_void_p
_EGL_OPENGL_API = 0x30A2
_EGL_PLATFORM_SURFACELESS = 0x31DD
_EGL_NONE = 0x3038
# Desktop OpenGL configurations that can draw off-screen.
_EGL_CONFIGURATION = (0x3040, 0x0008, 0x3033, 0x0001, _EGL_NONE)
# Version 4.3 of the core profile, what Blender needs.
_EGL_CONTEXT = (0x3098, 4, 0x30FB, 3, 0x30FD, 1, _EGL_NONE)


@cache
def has_graphics() -> bool:
    """False where an engine that uses the GPU would end Blender: Linux without a window and a driver.

    Blender in the background aborts when it cannot make an OpenGL context, so one is tried through EGL
    first. With a window, and on other systems, there always is a driver.
    """
    if not bpy.app.background or not sys.platform.startswith("linux"):
        return True
    try:
        return _makes_context(ctypes.CDLL("libEGL.so.1"))
    except (OSError, AttributeError):
        return False


def _makes_context(egl: ctypes.CDLL) -> bool:
    for name in ("eglGetDisplay", "eglGetProcAddress", "eglCreateContext"):
        getattr(egl, name).restype = _POINTER
    return any(_display_makes_context(egl, display) for display in _displays(egl))


def _displays(egl: ctypes.CDLL) -> Iterator[ctypes.c_void_p]:
    """The displays that Blender tries: the default one, then Mesa's without any screen."""
    yield _POINTER(egl.eglGetDisplay(_POINTER(0)))
    address = egl.eglGetProcAddress(b"eglGetPlatformDisplayEXT")
    if address:
        open_display = ctypes.CFUNCTYPE(_POINTER, ctypes.c_uint, _POINTER, _POINTER)(address)
        yield _POINTER(open_display(_EGL_PLATFORM_SURFACELESS, None, None))


def _display_makes_context(egl: ctypes.CDLL, display: ctypes.c_void_p) -> bool:
    # A display is not ended again: Blender may be using it already.
    if not display or not egl.eglInitialize(display, None, None):
        return False
    config, count = _POINTER(), ctypes.c_int()
    wanted = (ctypes.c_int * len(_EGL_CONFIGURATION))(*_EGL_CONFIGURATION)
    egl.eglBindAPI(_EGL_OPENGL_API)
    egl.eglChooseConfig(display, wanted, ctypes.byref(config), 1, ctypes.byref(count))
    if not count.value:
        return False
    version = (ctypes.c_int * len(_EGL_CONTEXT))(*_EGL_CONTEXT)
    context = _POINTER(egl.eglCreateContext(display, config, _POINTER(0), version))
    if not context:
        return False
    egl.eglDestroyContext(display, context)
    return True
