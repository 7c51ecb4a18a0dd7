"""Builds the bundle's layer; parts that change rarely are kept between builds."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import supervisor
from supervisor.bundle import apt, file_tree, lockfile, packages, python
from supervisor.bundle.errors import BundleError
from supervisor.bundle.licences import collect_licences
from supervisor.bundle.target import TARGETS, find_target, host_target

if TYPE_CHECKING:
    from collections.abc import Callable

    from supervisor.bundle.file_tree import FileTree
    from supervisor.bundle.lockfile import PackageLock

HERE = Path(__file__).parent
HOME = "opt/scar"
LOCK_FILE = HERE / "packages.lock"
# The inputs of the kept part; main.py and the supervisor are added at every build.
PYTHON_INPUTS = (
    "compiler.py", "elf.py", "licences.py", "packages.lock", "packages.py", "python.py",
    "target.py", "file_tree.py",
)  # fmt: skip
# The zips come last: looking into one reads its whole directory.
PTH_LINES = f"early\nlib-dynload\n{python.ZIP}\nsupervisor.zip\n"
MAX_BYTES = 12_000_000  # every function image contains the bundle, every wheel two of them


def build_bundle(architecture: str, dist: Path, *, report: Callable[[str], None]) -> Path:
    """Write the layer for ``architecture`` (amd64, arm64) to ``dist`` and return its path.

    The network is used only for locked packages that are not in ``dist``. Raise
    LockedVersionMissingError if the mirror has only newer versions, BundleError for other failures.
    """
    path = dist / f"scar-supervisor-linux-{architecture}.tar.gz"
    stamp, inputs = _stamp_path(architecture, dist), _hash_inputs()
    if path.is_file() and stamp.is_file() and stamp.read_text() == inputs:
        report(f"{path} is up to date")
        return path
    parts = build_python(architecture, dist, report=report)
    host_python = (
        parts
        if host_target().name == architecture
        else build_python(host_target().name, dist, report=report)
    )
    modules = python.compile_sources(
        host_python, read_supervisor_sources(), f"/{HOME}/supervisor.zip"
    )
    methods = python.compile_methods(host_python, modules)
    files: FileTree = {
        **parts,
        **python.early_modules(parts[python.ZIP].data),
        "launch": file_tree.BundleFile(
            (HERE / f"launch-{find_target(architecture).machine}").read_bytes(), 0o755
        ),
        "methods.bin": file_tree.BundleFile(methods),
        "modules.bin": file_tree.BundleFile(python.archive_modules(host_python, modules, methods)),
        "main.py": file_tree.BundleFile((HERE / "main.py").read_bytes()),
        "python._pth": file_tree.BundleFile(PTH_LINES.encode("ascii")),
        "supervisor.zip": file_tree.BundleFile(modules),
    }
    data = file_tree.build_layer({f"{HOME}/{name}": file for name, file in files.items()})
    check_size(path.name, len(data))
    if not path.is_file() or path.read_bytes() != data:
        partial = dist / f".{path.name}.{os.getpid()}"
        partial.write_bytes(data)
        partial.replace(path)  # atomic: another process may read the old layer now
    stamp.write_text(inputs)
    report(f"{path} ({len(data) / 1e6:.1f} MB, sha256:{hashlib.sha256(data).hexdigest()[:12]})")
    return path


def build_python(architecture: str, dist: Path, *, report: Callable[[str], None]) -> FileTree:
    """Return the self-contained Python without the supervisor, from the last build if current."""
    kept = dist / "kept" / architecture
    stamp, folder = kept / "stamp", kept / "python"
    recipe = hashlib.sha256(
        b"".join((HERE / name).read_bytes() for name in PYTHON_INPUTS)
    ).hexdigest()
    if stamp.is_file() and stamp.read_text() == recipe:
        return file_tree.read_tree(folder)
    locked = lockfile.load(LOCK_FILE).get(architecture, {})
    debs = apt.fetch_packages(find_target(architecture), locked.values(), kept, report)
    contents = packages.read_packages(
        [deb for deb in debs if _package_name(deb) in packages.PACKAGES]
    )
    parts = python.choose_binaries(contents, find_target(architecture))
    # Byte code is the same for every architecture, but the compiler must run on this machine.
    host_python = (
        parts
        if host_target().name == architecture
        else build_python(host_target().name, dist, report=report)
    )
    library = python.compile_sources(
        host_python, python.choose_stdlib(contents), f"/{HOME}/{python.ZIP}"
    )
    parts = {
        **parts,
        python.ZIP: file_tree.BundleFile(library),
        **python.build_certificates(contents),
        **collect_licences(contents, locked),
    }
    # The stamp is written last: an interrupted build leaves no folder that looks complete.
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    file_tree.write_tree(parts, folder)
    stamp.write_text(recipe)
    return parts


def update_lock(dist: Path, path: Path = LOCK_FILE) -> list[str]:
    """Lock the versions that the mirror has now; return the changes, one line per package."""
    new: PackageLock = {}
    for name in TARGETS:
        source = apt.AptClient(find_target(name), dist / "kept" / name)
        source.update()
        available = {p.name: p for p in source.list_versions(packages.LOCKED, newest=True)}
        if missing := sorted(set(packages.LOCKED) - available.keys()):
            raise BundleError(
                f"The machine's apt sources do not have {', '.join(missing)} for {name}.",
                remedy="They must contain Debian 12 (bookworm).",
            )
        new[name] = available
    changed = lockfile.describe_changes(lockfile.load(path) if path.is_file() else {}, new)
    if changed:
        path.write_text(lockfile.dump(new), encoding="utf-8")
    return changed


def check_size(name: str, size: int) -> None:
    """Raise BundleError if a bundle is larger than ``MAX_BYTES``."""
    if size > MAX_BYTES:
        raise BundleError(
            f"{name} has {size} bytes, more than {MAX_BYTES}.",
            remedy="Exclude modules in supervisor/bundle/python.py.",
        )


def read_supervisor_sources() -> dict[str, bytes]:
    """Return the supervisor's modules by their path in the zip, without this package."""
    root = Path(supervisor.__file__).parent
    return {
        f"supervisor/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*.py"))
        if path.relative_to(root).parts[0] != "bundle"
    }


def is_current(architecture: str, dist: Path = HERE / "dist") -> bool:
    """Return whether a bundle was built from the current sources; True without a stamp."""
    stamp = _stamp_path(architecture, dist)
    return not stamp.is_file() or stamp.read_text() == _hash_inputs()


def _stamp_path(architecture: str, dist: Path) -> Path:
    return dist / "kept" / architecture / "built"


def _hash_inputs() -> str:
    """Return the SHA-256 of all inputs of a build except the packages."""
    digest = hashlib.sha256()
    here = {path.name: path.read_bytes() for path in HERE.iterdir() if path.is_file()}
    for name, data in sorted({**here, **read_supervisor_sources()}.items()):
        digest.update(f"{name}\n{len(data)}\n".encode() + data)
    return digest.hexdigest()


def _package_name(deb: Path) -> str:
    return deb.name.partition("_")[0]
