"""Put the bundle together; what changes rarely is kept between builds."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import supervisor
from supervisor.bundle import packages, python, tree
from supervisor.bundle.target import host, target

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.bundle.tree import Tree

HERE = Path(__file__).parent
HOME = "opt/scar"
# What the kept part depends on; main.py and the supervisor are added at every build.
SOURCES = ("compiler.py", "elf.py", "packages.py", "python.py", "target.py", "tree.py")
PATHS = f"{python.ZIP}\nlib-dynload\nsupervisor.zip\n"


def build(architecture: str, dist: Path, *, refresh: bool, report: Callable[[str], None]) -> Path:
    """Write the layer for ``architecture`` (amd64, arm64) into ``dist`` and return its path.

    The network is used the first time, when the recipe changed and no packages are kept, and
    with ``refresh``. Raise BundleError if it cannot be built.
    """
    path = dist / f"scar-supervisor-linux-{architecture}.tar.gz"
    note, inputs = dist / "kept" / architecture / "built", _inputs()
    if not refresh and path.is_file() and note.is_file() and note.read_text() == inputs:
        report(f"{path} is up to date")
        return path
    parts = python_part(architecture, dist, refresh=refresh, report=report)
    if host().name == architecture:
        own = parts
    else:
        own = python_part(host().name, dist, refresh=refresh, report=report)
    modules = python.compiled(own, supervisor_sources(), f"/{HOME}/supervisor.zip")
    whole: Tree = {
        **parts,
        "launch": tree.File((HERE / f"launch-{target(architecture).machine}").read_bytes(), 0o755),
        "main.py": tree.File((HERE / "main.py").read_bytes()),
        "python._pth": tree.File(PATHS.encode("ascii")),
        "supervisor.zip": tree.File(modules),
    }
    data = tree.layer({f"{HOME}/{name}": file for name, file in whole.items()})
    if not path.is_file() or path.read_bytes() != data:
        half = dist / f".{path.name}.{os.getpid()}"
        half.write_bytes(data)
        half.replace(path)
    note.write_text(inputs)
    report(f"{path} ({len(data) / 1e6:.1f} MB, sha256:{hashlib.sha256(data).hexdigest()[:12]})")
    return path


def python_part(
    architecture: str, dist: Path, *, refresh: bool, report: Callable[[str], None]
) -> Tree:
    """Return the self-contained Python without the supervisor, kept from last time if possible."""
    kept = dist / "kept" / architecture
    stamp, folder = kept / "stamp", kept / "python"
    recipe = hashlib.sha256(b"".join((HERE / name).read_bytes() for name in SOURCES)).hexdigest()
    if not refresh and stamp.is_file() and stamp.read_text() == recipe:
        return tree.read(folder)
    debs = sorted((kept / "debs").glob("*.deb"))
    if refresh or {deb.name.partition("_")[0] for deb in debs} != set(packages.PACKAGES):
        report(f"Downloading {len(packages.PACKAGES)} Debian packages for {architecture}…")
        debs = packages.download(target(architecture), kept)
    parts = _chosen(architecture, debs, dist, report)
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    tree.write(parts, folder)
    stamp.write_text(recipe)
    return parts


def _chosen(architecture: str, debs: list[Path], dist: Path, report: Callable[[str], None]) -> Tree:
    found = packages.read(debs)
    parts = python.binaries(found, target(architecture))
    if host().name == architecture:
        library = python.compiled(parts, python.stdlib(found), f"/{HOME}/{python.ZIP}")
    else:  # byte code is the same for every processor, the compiler is not
        own = python_part(host().name, dist, refresh=False, report=report)
        library = python.compiled(own, python.stdlib(found), f"/{HOME}/{python.ZIP}")
    zipped = {python.ZIP: tree.File(library)}
    return {**parts, **zipped, **python.certificates(found), **python.licences(found)}


def _inputs() -> str:
    """Hash all that a build reads, but for the packages."""
    whole = hashlib.sha256()
    here = {path.name: path.read_bytes() for path in HERE.iterdir() if path.is_file()}
    for name, data in sorted({**here, **supervisor_sources()}.items()):
        whole.update(f"{name}\n{len(data)}\n".encode() + data)
    return whole.hexdigest()


def supervisor_sources() -> dict[str, bytes]:
    """Read the supervisor's modules by their path in the zip; the bundle's builder is not one."""
    root = Path(supervisor.__file__).parent
    return {
        f"supervisor/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*.py"))
        if path.relative_to(root).parts[0] != "bundle"
    }
