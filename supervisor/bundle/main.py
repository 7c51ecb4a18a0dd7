"""Started by ``/opt/scar/launch`` in every function image; short, because it is not compiled."""

import sys

from supervisor.runtime import fast_start

fast_start.prepare(__file__.removesuffix("main.py") + "methods.bin")

from supervisor.__main__ import main  # noqa: E402 - fast_start must come first

sys.exit(main())
