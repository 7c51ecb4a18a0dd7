#!/usr/bin/python3
"""Say where this runs: a script for `scar run`."""

import os
import platform
import sys

print(f"Hello {' '.join(sys.argv[1:])} from {os.environ['SCAR_FUNCTION']}")
print(f"Python {platform.python_version()}, {os.environ['SCAR_SITE']}")
