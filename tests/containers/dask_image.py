"""An image with Python and dask, made of this machine's files: no registry is needed."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import Requirement

from scar.image.compose.tree_images import write_docker_archive
from scar.image.formats.layer import LayerFile, LayerFolder, LayerSymlink
from supervisor.model import ImageDefaults

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.image.formats.layer import LayerEntry

PACKAGES = "packages"
_LEFT_OUT = {"test", "tests", "idlelib", "site-packages", "__pycache__", "tkinter", "lib2to3"}
_MAPPED = re.compile(r"(/\S+) \(0x")


def write_dask_image(path: Path) -> None:
    """Write an archive whose ``python3`` is that of this process, with dask in PYTHONPATH."""
    tree: dict[str, LayerEntry] = {"tmp": LayerFolder(0o1777)}
    program = Path(sys.executable).resolve()
    tree[str(program).lstrip("/")] = LayerFile(program.read_bytes(), 0o755)
    tree[f"{program.parent}/python3".lstrip("/")] = LayerSymlink(program.name)
    programs = {program}
    for folder in {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}:
        for file in _python_files(Path(folder)):
            tree[str(file).lstrip("/")] = LayerFile(file.read_bytes())
            programs.add(file)
    for distribution in distributions("distributed"):
        for entry in distribution.files or ():
            file = Path(str(entry.locate()))
            if ".." not in entry.parts and not _LEFT_OUT & {*entry.parts} and file.is_file():
                tree[f"{PACKAGES}/{entry}"] = LayerFile(file.read_bytes())
                programs.add(file)
    for library in shared_libraries(programs):
        tree[library.lstrip("/")] = LayerFile(Path(library).read_bytes(), 0o755)
    run = ImageDefaults(
        environment={"PATH": str(program.parent), "PYTHONPATH": f"/{PACKAGES}"}, user="1234:1235"
    )
    write_docker_archive(path, "dask:1", [tree], run)


def distributions(name: str) -> list[importlib.metadata.Distribution]:
    """Return a distribution and all that it requires."""
    found: dict[str, importlib.metadata.Distribution] = {}
    wanted = [name]
    while wanted:
        each = wanted.pop()
        if each in found:
            continue
        found[each] = importlib.metadata.distribution(each)
        required = map(Requirement, found[each].requires or ())
        wanted += [r.name for r in required if not r.marker or r.marker.evaluate({"extra": ""})]
    return list(found.values())


def shared_libraries(programs: set[Path]) -> set[str]:
    """Return the libraries, the loader included, that these files need."""
    binaries = [str(p) for p in programs if p.suffix == ".so" or ".so." in p.name]
    listed = subprocess.run(
        ["ldd", str(Path(sys.executable).resolve()), *binaries],
        capture_output=True,
        text=True,
        check=False,
    )
    return set(_MAPPED.findall(listed.stdout))


def _python_files(folder: Path) -> Iterator[Path]:
    for file in folder.rglob("*"):
        inside = file.relative_to(folder).parts
        if file.is_file() and not _LEFT_OUT & {*inside} and not inside[0].startswith("config-"):
            yield file
