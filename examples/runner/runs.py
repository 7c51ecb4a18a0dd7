"""The commands of one example, executed in a copy of its folder."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING

from examples.runner.readme import run_commands, step_script
from examples.runner.results import differences

if TYPE_CHECKING:
    from pathlib import Path

TIME_LIMIT = 1800  # seconds, for all commands of an example


def copy_example(source: Path, work: Path) -> Path:
    """Copy an example into ``work``, without what an earlier run left there."""
    folder = work / source.name
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(source, folder, ignore=shutil.ignore_patterns("image.tar", "__pycache__"))
    return folder


def needs_image(folder: Path) -> bool:
    """Return whether the example's FDL file or commands name ``image.tar``."""
    files = [*folder.glob("*.yaml"), folder / "README.md"]
    return any(re.search(r"(image_file:|-if) image\.tar", path.read_text()) for path in files)


def run_example(folder: Path, environment: dict[str, str]) -> list[str]:
    """Execute the commands of an example's README in its folder; return what is not as expected."""
    script = step_script(run_commands(folder / "README.md"))
    printed = []
    with subprocess.Popen(
        ["timeout", str(TIME_LIMIT), "sh", "-c", script],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
    ) as process:
        for line in process.stdout or ():
            print(line, end="", flush=True)
            printed.append(line)
    if process.returncode == 124:  # of timeout
        return [f"the commands did not end within {TIME_LIMIT} seconds"]
    if process.returncode:
        return ["".join(printed[-1:]).strip()]
    return differences(folder, "".join(printed))
