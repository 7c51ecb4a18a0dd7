"""``image.tar`` from an example's Dockerfile, with the tool that this machine has.

Docker, Podman and buildah build it from ``debian:bookworm-slim`` of Docker Hub. Without them, or
without that registry, mmdebstrap builds it from Debian's packages, and ``scar image import`` makes
an image of them. An example without a Dockerfile whose scripts need only Python has scar's own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from examples.runner.dockerfile import UnsupportedDockerfileError, parse_dockerfile

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from examples.runner.dockerfile import Dockerfile

# What Debian's slim images leave out, except copyright files; and no waiting for the disk, since a
# build that a power cut ends is repeated anyway.
_DPKG_OPTIONS = (
    "force-unsafe-io",
    "path-exclude=/usr/share/doc/*",
    "path-include=/usr/share/doc/*/copyright",
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/info/*",
)
TOOLS = ("docker", "podman", "buildah", "mmdebstrap")
_PLATFORM = ("--platform", "linux/amd64")  # the examples' functions are for x86_64


class ImageNotBuiltError(Exception):
    """No tool of this machine could build the image."""


def build_image(folder: Path, tool: str = "", report: Callable[[str], None] = print) -> None:
    """Write ``image.tar`` into an example's folder: with ``tool``, else with the first that can.

    Raise ImageNotBuiltError with the reason of each tool if none can.
    """
    if not (folder / "Dockerfile").exists():
        report("Building image.tar: Python only, from scar's own bundle")
        _call([sys.executable, "-m", "scar.image.demo", "image.tar"], folder)
        return
    failures = []
    for name in (tool,) if tool else TOOLS:
        if shutil.which(name) is None:
            failures.append(f"{name}: not installed")
            continue
        report(f"Building image.tar from the Dockerfile with {name}")
        try:
            (_debootstrap if name == "mmdebstrap" else _engine_build)(name, folder)
        except subprocess.CalledProcessError as error:
            failures.append(f"{name}: {_last_line(error)}")
        except UnsupportedDockerfileError as error:
            failures.append(f"{name}: cannot build `{error}`")
        else:
            return
    listed = "\n".join(f"  {failure}" for failure in failures)
    raise ImageNotBuiltError(
        f"No image could be built:\n{listed}\nInstall one of {', '.join(TOOLS)}, and check that"
        " it reaches its registry (mmdebstrap: Debian's mirror)."
    )


def _engine_build(engine: str, folder: Path) -> None:
    tag = f"scar-example-{folder.name}:1"
    _call([engine, "build", *_PLATFORM, "-t", tag, "."], folder)
    path = folder / "image.tar"
    path.unlink(missing_ok=True)  # Podman does not replace it
    if engine == "buildah":
        _call([engine, "push", tag, f"docker-archive:image.tar:{tag}"], folder)
    else:
        _call([engine, "save", "-o", "image.tar", tag], folder)


def _debootstrap(_tool: str, folder: Path) -> None:
    build_from_packages(parse_dockerfile(folder / "Dockerfile"), folder)


def build_from_packages(wanted: Dockerfile, folder: Path) -> None:
    """Write ``image.tar`` from Debian's packages; hooks copy files of ``folder``."""
    if not wanted.release:
        raise UnsupportedDockerfileError("an image that is not debian:bookworm-slim")
    with tempfile.TemporaryDirectory(dir=folder) as work:
        root = Path(work, "root.tar")
        include = [f"--include={','.join(wanted.packages)}"] if wanted.packages else []
        hooks = [f"--customize-hook={hook}" for hook in wanted.hooks]
        options = [*(f"--dpkgopt={option}" for option in _DPKG_OPTIONS), *include, *hooks]
        _call(["mmdebstrap", "--variant=essential", *options, wanted.release, root], folder)
        # C.UTF-8, because it is a locale of every Debian: programs then read and write UTF-8.
        variables = [f"--env={variable}" for variable in wanted.variables]
        scar: list[str | Path] = [
            sys.executable,
            "-m",
            "scar",
            "image",
            "import",
            root,
            "-o",
            "image.tar",
        ]
        _call([*scar, *variables], folder)


def _call(command: Sequence[str | Path], folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "SCAR_LOCAL"}
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True, text=True)


def _last_line(error: subprocess.CalledProcessError) -> str:
    lines = [line for line in (error.stderr or "").splitlines() if line.strip()]
    return lines[-1] if lines else f"exit status {error.returncode}"
