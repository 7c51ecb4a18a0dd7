#!/usr/bin/python3
"""Print the function and the service in which this script runs: an example for `scar run -s`."""

import os
import platform
import sys

print(f"Hello {' '.join(sys.argv[1:])} from {os.environ['SCAR_FUNCTION']}")
print(f"Python {platform.python_version()}, {os.environ['SCAR_SITE']}")
