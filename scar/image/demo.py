"""Builds a small image that contains only Python from the supervisor bundle, without an engine.

``python -m scar.image.demo OUT.tar`` writes it in the format of ``docker save``. Scripts start
with ``#!/usr/bin/python3``. The standard library is complete except for modules that need
further libraries (sqlite3, curses, tkinter), packaging, IDLE and the tests. There is no shell.
"""

from __future__ import annotations

import argparse
import io
import re
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from scar.errors import ScarError
from scar.image.compose.function_image import SCAR_HOME
from scar.image.compose.supervisor_bundle import find_bundle
from scar.image.compose.tree_images import write_docker_archive
from scar.image.formats.base_image import ARCHITECTURES
from scar.image.formats.layer import LayerFile, LayerFolder, LayerSymlink
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from scar.image.formats.layer import LayerEntry

IMAGE_NAME = "scar-demo:latest"
# The path of the dynamic loader that is compiled into the binaries of each architecture, and the
# folder in which that loader searches for libraries.
_LOADER_PATHS = {
    "amd64": ("lib64/ld-linux-x86-64.so.2", "usr/lib/x86_64-linux-gnu"),
    "arm64": ("lib/ld-linux-aarch64.so.1", "usr/lib/aarch64-linux-gnu"),
}
_STDLIB = "usr/lib/python3.11"
_LICENCES = "usr/share/doc"
_ZIP = re.compile(r"python3\d+\.zip\Z")
_PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"


def write_demo_image(path: Path, architecture: str = "amd64", bundle: Path | None = None) -> None:
    """Write the image to ``path``, atomically; raise ConfigurationError if there is no bundle."""
    architecture = ARCHITECTURES.get(architecture, architecture)
    tree = _build_tree(bundle or find_bundle(architecture), architecture)
    run = ImageDefaults(command=("/usr/bin/python3",), environment={"PATH": "/usr/bin:/bin"})
    partial = path.with_name(f".{path.name}.partial")
    write_docker_archive(partial, IMAGE_NAME, [tree], run, architecture)
    partial.replace(path)


def _build_tree(bundle: Path, architecture: str) -> dict[str, LayerEntry]:
    loader, libraries = _LOADER_PATHS[architecture]
    tree: dict[str, LayerEntry] = {
        "etc/passwd": LayerFile(_PASSWD),
        "etc/group": LayerFile(b"root:x:0:\nnogroup:x:65534:\n"),
        "tmp": LayerFolder(0o1777),
        "usr/bin/python": LayerSymlink("python3"),
    }
    if not loader.startswith("lib64"):  # a merged /usr, as in Debian: /lib is a link
        tree["lib"] = LayerSymlink("usr/lib")
        loader = f"usr/{loader}"
    with tarfile.open(bundle) as archive:
        for member in archive:
            name = member.name.removeprefix(f"{SCAR_HOME}/")
            path = _installed_path(name, loader, libraries)
            if path and (file := archive.extractfile(member)):
                tree[path] = LayerFile(file.read(), member.mode)
            elif _ZIP.match(name) and (file := archive.extractfile(member)):
                tree |= _unpack_stdlib(file.read())
    return tree


def _installed_path(name: str, loader: str, libraries: str) -> str:
    """Return the path of a bundle's file in an ordinary root; empty if it is left out."""
    folder, _, rest = name.partition("/")
    single = {"python": "usr/bin/python3", "ld.so": loader}
    folders = {"lib": libraries, "lib-dynload": f"{_STDLIB}/lib-dynload", "share": _LICENCES}
    return f"{folders[folder]}/{rest}" if rest and folder in folders else single.get(name, "")


def _unpack_stdlib(zipped: bytes) -> dict[str, LayerEntry]:
    """Return the files of the standard library under the paths in which Python searches."""
    with zipfile.ZipFile(io.BytesIO(zipped)) as archive:
        return {f"{_STDLIB}/{name}": LayerFile(archive.read(name)) for name in archive.namelist()}


def main(arguments: list[str]) -> int:
    """Write the image to the path that is the only argument; return the exit status.

    Exit with 2 for other arguments.
    """
    parser = argparse.ArgumentParser(
        prog="python -m scar.image.demo", description="Build a small image with Python."
    )
    parser.add_argument("path", type=Path, metavar="OUT.tar", help="file in `docker save` format")
    path = parser.parse_args(arguments).path
    try:
        write_demo_image(path)
    except ScarError as error:
        sys.stderr.write(f"Error: {error.problem}\n{error.remedy}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
