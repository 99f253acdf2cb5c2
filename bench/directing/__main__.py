"""`python bench/directing`: the folder as a program."""

import sys
from pathlib import Path

# Started as a folder, Python looks for modules in this one: the package lies one above.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from directing.command import main  # noqa: E402

sys.exit(main())
