"""A command that is struck by a signal at its N-th step of writing: `python struck.py NUMBER STEP COUNT_FILE MODULE WORDS…`.

A step is what Python does to files below the working folder: make, open for writing, rename, delete. At the step
`STEP` the whole process group gets the signal `NUMBER`; with 0 as step nothing happens and the number of steps is
written into `COUNT_FILE`; with -1 none are counted.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys

WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_APPEND
STEPS = ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod")


class Strike:
    """Counts steps and strikes at one of them."""

    def __init__(self, number: int, step: int, folder: str) -> None:
        self.number, self.step, self.folder = number, step, folder
        self.count = 0

    def __call__(self, event: str, arguments: tuple) -> None:
        """Python's audit hook."""
        if event == "open":
            if not isinstance(arguments[2], int) or not arguments[2] & WRITES:
                return
        elif event not in STEPS:
            return
        path = arguments[0]
        if not isinstance(path, (str, bytes)) or not self._is_ours(os.fsdecode(path)):
            return
        self.count += 1
        if self.count == self.step:
            os.killpg(0, signal.Signals(self.number))

    def _is_ours(self, path: str) -> bool:
        # Folders are deleted by names relative to an open one.
        return path.startswith(self.folder) or not os.path.isabs(path)


def main() -> None:
    """Run the module or script as if it had been called itself."""
    number, step, count_file, module, *words = sys.argv[1:]
    strike = Strike(int(number), int(step), os.getcwd())
    sys.argv = [module, *words]
    if strike.step >= 0:
        sys.addaudithook(strike)
    try:
        if module.endswith(".py"):
            runpy.run_path(module, run_name="__main__")
        else:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        if not strike.step:
            counted, strike.folder = strike.count, "\0"
            with open(count_file, "w") as stream:
                stream.write(str(counted))


if __name__ == "__main__":
    main()
