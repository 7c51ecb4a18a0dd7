"""Runs of examples in a local cloud, with the commands of their READMEs."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from examples.runner.images import build_image
from examples.runner.runs import copy_example, needs_image, run_example
from tests.conformance.engine_harness import unavailable
from tests.fakes.local_cloud import ROOT, environment

if TYPE_CHECKING:
    from tests.fakes.local_cloud import LocalCloudProcess

EXAMPLES = ROOT / "examples"
SCAR = f"""\
#!{sys.executable}
import sys
sys.path.insert(0, {str(ROOT)!r})
from scar.cli.main import main
sys.exit(main())
"""


def example_names() -> list[str]:
    return sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))


def run_in(cloud: LocalCloudProcess, name: str, image: Path) -> list[str]:
    """Run an example in this cloud; return what is not as expected.

    The image replaces that of the Dockerfile, if there is one.
    """
    folder = copy_example(EXAMPLES / name, cloud.folder / "examples")
    if (folder / "Dockerfile").exists():
        (folder / "image.tar").symlink_to(image)
    elif needs_image(folder):
        build_image(folder)
    return run_example(folder, commands_environment(cloud.folder))


def commands_environment(folder: Path) -> dict[str, str]:
    """Return an environment in which ``scar`` and ``python3`` are this code and this Python."""
    programs = folder / "bin"
    programs.mkdir(exist_ok=True)
    scar = programs / "scar"
    scar.write_text(SCAR)
    scar.chmod(0o755)
    return environment(folder) | {
        "SCAR_LOCAL": "1",
        "PATH": f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    }


def needs_tools(*names: str) -> None:
    """Skip the test, or fail in CI, if a program is missing."""
    for name in names:
        if shutil.which(name) is None:
            unavailable(f"{name} is not installed")
