"""Put the bundle together; what changes rarely is kept between builds."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import supervisor
from supervisor.bundle import apt, packages, python
from supervisor.bundle import file_tree as tree
from supervisor.bundle import lockfile as lock
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
# What the kept part depends on; main.py and the supervisor are added at every build.
PYTHON_INPUTS = (
    "compiler.py", "elf.py", "licences.py", "packages.lock", "packages.py", "python.py",
    "target.py", "file_tree.py",
)  # fmt: skip
PTH_LINES = f"{python.ZIP}\nlib-dynload\nsupervisor.zip\n"
MAX_BYTES = 12_000_000  # bytes: every function image carries it, every wheel carries two


def build_bundle(architecture: str, dist: Path, *, report: Callable[[str], None]) -> Path:
    """Write the layer for ``architecture`` (amd64, arm64) into ``dist`` and return its path.

    The network is used only for locked packages that ``dist`` does not keep. Raise BundleError
    if it cannot be built, VanishedError if that is because the mirror has newer versions.
    """
    path = dist / f"scar-supervisor-linux-{architecture}.tar.gz"
    note, inputs = _stamp_path(architecture, dist), _hash_inputs()
    if path.is_file() and note.is_file() and note.read_text() == inputs:
        report(f"{path} is up to date")
        return path
    parts = build_python(architecture, dist, report=report)
    own = (
        parts
        if host_target().name == architecture
        else build_python(host_target().name, dist, report=report)
    )
    modules = python.compile_sources(own, read_supervisor_sources(), f"/{HOME}/supervisor.zip")
    whole: FileTree = {
        **parts,
        "launch": tree.BundleFile(
            (HERE / f"launch-{find_target(architecture).machine}").read_bytes(), 0o755
        ),
        "methods.bin": tree.BundleFile(python.compile_methods(own, modules)),
        "main.py": tree.BundleFile((HERE / "main.py").read_bytes()),
        "python._pth": tree.BundleFile(PTH_LINES.encode("ascii")),
        "supervisor.zip": tree.BundleFile(modules),
    }
    data = tree.build_layer({f"{HOME}/{name}": file for name, file in whole.items()})
    check_size(path.name, len(data))
    if not path.is_file() or path.read_bytes() != data:
        half = dist / f".{path.name}.{os.getpid()}"
        half.write_bytes(data)
        half.replace(path)
    note.write_text(inputs)
    report(f"{path} ({len(data) / 1e6:.1f} MB, sha256:{hashlib.sha256(data).hexdigest()[:12]})")
    return path


def build_python(architecture: str, dist: Path, *, report: Callable[[str], None]) -> FileTree:
    """Return the self-contained Python without the supervisor, kept from last time if possible."""
    kept = dist / "kept" / architecture
    stamp, folder = kept / "stamp", kept / "python"
    recipe = hashlib.sha256(
        b"".join((HERE / name).read_bytes() for name in PYTHON_INPUTS)
    ).hexdigest()
    if stamp.is_file() and stamp.read_text() == recipe:
        return tree.read_tree(folder)
    locked = lock.load(LOCK_FILE).get(architecture, {})
    debs = apt.fetch_packages(find_target(architecture), locked.values(), kept, report)
    found = packages.read_packages([deb for deb in debs if _package_name(deb) in packages.PACKAGES])
    parts = python.choose_binaries(found, find_target(architecture))
    # Byte code is the same for every processor, the compiler is not.
    own = (
        parts
        if host_target().name == architecture
        else build_python(host_target().name, dist, report=report)
    )
    library = python.compile_sources(own, python.choose_stdlib(found), f"/{HOME}/{python.ZIP}")
    parts = {
        **parts,
        python.ZIP: tree.BundleFile(library),
        **python.build_certificates(found),
        **collect_licences(found, locked),
    }
    stamp.unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)
    tree.write_tree(parts, folder)
    stamp.write_text(recipe)
    return parts


def update_lock(dist: Path, path: Path = LOCK_FILE) -> list[str]:
    """Lock the versions that the mirror offers now; say what changed, a line per package."""
    new: PackageLock = {}
    for name in TARGETS:
        source = apt.AptClient(find_target(name), dist / "kept" / name)
        source.update()
        offered = {p.name: p for p in source.list_versions(packages.LOCKED, newest=True)}
        if missing := sorted(set(packages.LOCKED) - offered.keys()):
            raise BundleError(
                f"The machine's apt sources do not offer {', '.join(missing)} for {name}.",
                remedy="They must offer Debian 12 (bookworm).",
            )
        new[name] = offered
    changed = lock.describe_changes(lock.load(path) if path.is_file() else {}, new)
    if changed:
        path.write_text(lock.dump(new), encoding="utf-8")
    return changed


def check_size(name: str, size: int) -> None:
    """Raise BundleError if a bundle is too large to be carried everywhere."""
    if size > MAX_BYTES:
        raise BundleError(
            f"{name} has {size} bytes, more than {MAX_BYTES}.",
            remedy="Leave something out in supervisor/bundle/python.py.",
        )


def read_supervisor_sources() -> dict[str, bytes]:
    """Read the supervisor's modules by their path in the zip; the bundle's builder is not one."""
    root = Path(supervisor.__file__).parent
    return {
        f"supervisor/{path.relative_to(root).as_posix()}": path.read_bytes()
        for path in sorted(root.rglob("*.py"))
        if path.relative_to(root).parts[0] != "bundle"
    }


def is_current(architecture: str, dist: Path = HERE / "dist") -> bool:
    """Tell whether a bundle was built from the sources as they are, or came without any note."""
    note = _stamp_path(architecture, dist)
    return not note.is_file() or note.read_text() == _hash_inputs()


def _stamp_path(architecture: str, dist: Path) -> Path:
    return dist / "kept" / architecture / "built"


def _hash_inputs() -> str:
    """Hash all that a build reads, but for the packages."""
    whole = hashlib.sha256()
    here = {path.name: path.read_bytes() for path in HERE.iterdir() if path.is_file()}
    for name, data in sorted({**here, **read_supervisor_sources()}.items()):
        whole.update(f"{name}\n{len(data)}\n".encode() + data)
    return whole.hexdigest()


def _package_name(deb: Path) -> str:
    return deb.name.partition("_")[0]
