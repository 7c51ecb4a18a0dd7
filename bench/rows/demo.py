"""``make demo`` in a fresh clone, without what it downloads."""

from __future__ import annotations

import shutil
import sys
from typing import TYPE_CHECKING

from bench.kit.commands import measure, plain_environment
from bench.kit.lines import Line, Target
from bench.kit.machine import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.kit.context import Context

MOST_SECONDS = 60
VENV = ".venv"
DIST = "supervisor/bundle/dist"
KEPT = f"{DIST}/kept"  # the Debian packages that a build of the bundle downloads


def measure_demo(context: Context) -> Iterator[Line]:
    """Yield the seconds of the demo; its virtual environment and packages are there before.

    If quick, the supervisor's bundle is there, too.
    The environment is kept beside the peers, since its programs name the folder of the clone.
    """
    clone, kept = context.peers.folder / "demo", context.peers.folder / "demo-venv"
    shutil.rmtree(clone, ignore_errors=True)
    measure(context.command("git", "clone", "--quiet", "--local", str(ROOT), str(clone)))
    kept_files = DIST if context.quick else KEPT
    if (ROOT / kept_files).is_dir():
        shutil.copytree(ROOT / kept_files, clone / kept_files)
    if kept.is_dir():
        kept.rename(clone / VENV)
        (clone / VENV / ".demo").touch()
    make = ("make", f"PYTHON={sys.executable}")
    try:
        measure(context.command(*make, f"{VENV}/.demo", folder=clone))
        usage = measure(context.command(*make, "demo", folder=clone))
    finally:
        if (clone / VENV / ".demo").exists():
            _stop_cloud(context, clone)
            (clone / VENV).rename(kept)
        shutil.rmtree(clone)
    yield Line(
        row="demo",
        work="make demo in a fresh clone, without downloads"
        + (" and the bundle's build" if context.quick else ""),
        ours=usage.wall,
        details=f"CPU {usage.cpu:.0f} s, peak {usage.peak_mb:.0f} MB",
        target=Target(MOST_SECONDS, of="own"),
    )


def _stop_cloud(context: Context, clone: Path) -> None:
    """Stop the local cloud that the demo leaves for its user."""
    home = plain_environment(SCAR_LOCAL_HOME=str(clone / ".demo" / "cloud"))
    measure(context.command(str(clone / VENV / "bin" / "scar"), "local", "stop", environment=home))
