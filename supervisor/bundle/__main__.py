"""``python -m supervisor.bundle``: build the supervisor's bundles, or lock their packages."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from supervisor.bundle.build import LOCK_FILE, build_bundle, update_lock
from supervisor.bundle.errors import BundleError, LockedVersionMissingError
from supervisor.bundle.target import TARGETS

DIST = Path(__file__).parent / "dist"


def main(arguments: list[str] | None = None) -> int:
    """Build both bundles or one of them; return the exit status."""
    options = _parse_options(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    try:
        if options.lock:
            _update_lock(options.output)
            return 0
        for architecture in options.architecture or TARGETS:
            try:
                build_bundle(architecture, options.output, report=_print_line)
            except LockedVersionMissingError as error:
                if not options.relock:
                    raise
                _print_line(f"WARNING: {error.problem}")
                _print_line(
                    "WARNING: This build uses the available versions. Please commit the new lock:"
                )
                _update_lock(options.output)
                build_bundle(architecture, options.output, report=_print_line)
    except BundleError as error:
        _print_line(f"Error: {error.problem}\n{error.remedy}")
        return 1
    return 0


def _parse_options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m supervisor.bundle", description=__doc__)
    parser.add_argument(
        "--architecture", action="append", choices=tuple(TARGETS), help="(default: both)"
    )
    parser.add_argument("--output", type=Path, default=DIST, help="folder (default: %(default)s)")
    parser.add_argument(
        "--lock", action="store_true", help="lock the package versions available now, build nothing"
    )
    parser.add_argument(
        "--relock",
        action="store_true",
        help="if the mirror no longer has a locked version, lock the available ones and build",
    )
    return parser.parse_args(arguments)


def _update_lock(dist: Path) -> None:
    for line in update_lock(dist) or ["No changes."]:
        _print_line(f"{LOCK_FILE.name}: {line}")


def _print_line(text: str) -> None:
    sys.stderr.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
