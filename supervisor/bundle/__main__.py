"""``python -m supervisor.bundle [--architecture amd64|arm64] [--refresh]``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from supervisor.bundle.build import build
from supervisor.bundle.errors import BundleError

DIST = Path(__file__).parent / "dist"


def main(arguments: list[str] | None = None) -> int:
    """Build one bundle; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m supervisor.bundle", description=__doc__)
    parser.add_argument("--architecture", default="amd64", choices=("amd64", "arm64"))
    parser.add_argument("--output", type=Path, default=DIST, help="folder (default: %(default)s)")
    parser.add_argument("--refresh", action="store_true", help="download the packages again")
    options = parser.parse_args(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        build(options.architecture, options.output, refresh=options.refresh, report=_say)
    except BundleError as error:
        sys.stderr.write(f"Error: {error.problem}\n{error.remedy}\n")
        return 1
    return 0


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
