"""The files of a self-contained Python, chosen from Debian packages."""

from __future__ import annotations

import io
import subprocess
import tempfile
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from supervisor.bundle import archive_builder, compiler, method_compiler
from supervisor.bundle.elf import needed_libraries
from supervisor.bundle.errors import BundleError
from supervisor.bundle.file_tree import BundleFile, write_tree
from supervisor.bundle.packages import PYTHON, REBUILD_REMEDY, PackageFiles

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

    from supervisor.bundle.file_tree import FileTree
    from supervisor.bundle.target import TargetPlatform

ZIP = f"python{PYTHON.replace('.', '')}.zip"
STDLIB = f"usr/lib/python{PYTHON}"
# Extension modules that Debian does not build into the interpreter.
EXTENSIONS = (
    "_asyncio", "_bz2", "_contextvars", "_ctypes", "_decimal", "_hashlib", "_json", "_lsprof",
    "_lzma", "_multiprocessing", "_posixshmem", "_queue", "_ssl", "_uuid", "_zoneinfo", "mmap",
    "resource", "termios",
)  # fmt: skip
EARLY = ("encodings/__init__.pyc", "encodings/aliases.pyc", "encodings/utf_8.pyc")
# Packages of the standard library that the supervisor does not need.
EXCLUDED = frozenset({
    "__pycache__", "curses", "dbm", "dist-packages", "distutils", "ensurepip", "idlelib",
    "lib-dynload", "lib2to3", "msilib", "pydoc_data", "sqlite3", "test", "tests", "tkinter",
    "turtledemo", "unittest", "venv", "wsgiref",
})  # fmt: skip
# Amazon's root certificates (https://www.amazontrust.com/repository/), which all AWS endpoints use.
AMAZON_ROOTS = (
    "Amazon_Root_CA_1.crt",
    "Amazon_Root_CA_2.crt",
    "Amazon_Root_CA_3.crt",
    "Amazon_Root_CA_4.crt",
    "Starfield_Services_Root_Certificate_Authority_-_G2.crt",
)
# The loader would load the libraries in the image's /etc/ld.so.preload into the supervisor. The
# replacement does not exist in any image, and has the same length, so the binary can be patched.
PRELOAD, NO_PRELOAD = b"/etc/ld.so.preload\0", b"/opt/scar/.preload\0"


def choose_binaries(packages: PackageFiles, target: TargetPlatform) -> FileTree:
    """Return interpreter, loader, extension modules and all libraries that they need."""
    tree: FileTree = {"python": BundleFile(packages.require(f"usr/bin/python{PYTHON}"), 0o755)}
    for name in EXTENSIONS:
        file = f"{name}.cpython-{PYTHON.replace('.', '')}-{target.triplet}.so"
        if packages.get(f"{STDLIB}/lib-dynload/{file}") is not None:  # else it is built in
            tree[f"lib-dynload/{name}.so"] = BundleFile(
                packages.require(f"{STDLIB}/lib-dynload/{file}")
            )
    pending = {
        lib
        for path, file in tree.items()
        for lib in needed_libraries(file.data, target.elf_machine, path)
    }
    # glibc loads it at run time (pthread_cancel), so no DT_NEEDED names it.
    pending.add("libgcc_s.so.1")
    while pending:
        library = pending.pop()
        if library == target.loader or f"lib/{library}" in tree:
            continue
        data = packages.require(f"usr/lib/{target.triplet}/{library}")
        tree[f"lib/{library}"] = BundleFile(data)
        pending.update(needed_libraries(data, target.elf_machine, library))
    tree["ld.so"] = BundleFile(_patch_loader(packages, target), 0o755)
    return tree


def choose_stdlib(packages: PackageFiles) -> dict[str, bytes]:
    """Return the sources of the standard library by their path in the zip."""
    chosen = {path.removeprefix(f"{STDLIB}/"): path for path in packages.list_files(STDLIB)}
    return {
        name: packages.require(path)
        for name, path in chosen.items()
        if name.endswith(".py")
        and not EXCLUDED.intersection(PurePosixPath(name).parts)
        and not name.startswith(("config-", "_sysconfigdata"))
    }


def build_certificates(packages: PackageFiles) -> FileTree:
    """Return Amazon's root certificates, which load faster, and all of Debian's."""
    folder = "usr/share/ca-certificates/mozilla"
    amazon = [packages.require(f"{folder}/{name}") for name in AMAZON_ROOTS]
    debian = [packages.require(path) for path in packages.list_files(folder)]
    return {
        "roots.pem": BundleFile(_join_pem(amazon)),
        "ca-bundle.pem": BundleFile(_join_pem(debian)),
    }


def compile_sources(python: FileTree, sources: Mapping[str, bytes], shown_path: str) -> bytes:
    """Compile sources with this Python into a zip; tracebacks show ``shown_path``.

    ``python`` must have its standard library, unless the sources are the standard library.
    """
    modules = {f"sources/{path}": BundleFile(data) for path, data in sources.items()}
    return _run_program(python | modules, compiler, "sources", shown_path)


def compile_methods(python: FileTree, modules: bytes) -> bytes:
    """Return ``methods.bin``: the compiled methods of the dataclasses in ``supervisor.zip``."""
    return _run_program(python | {"sources": BundleFile(modules)}, method_compiler)


def archive_modules(python: FileTree, modules: bytes, methods: bytes) -> bytes:
    """Return ``modules.bin``: the modules of ``supervisor.zip`` and the library of a start."""
    tree = python | {"sources": BundleFile(modules), "methods.bin": BundleFile(methods)}
    return _run_program(tree, archive_builder, "methods.bin", ZIP)


def early_modules(library: bytes) -> FileTree:
    """Return the modules that Python imports before ``main.py``, as files.

    Without them it would read the directory of the library's zip.
    """
    with zipfile.ZipFile(io.BytesIO(library)) as archive:
        return {f"early/{name}": BundleFile(archive.read(name)) for name in EARLY}


def _run_program(tree: FileTree, program: ModuleType, *arguments: str) -> bytes:
    """Run a module as a program in the Python of the tree; return the file that it writes.

    Its arguments are the path of that file and ``arguments``.
    """
    with tempfile.TemporaryDirectory(prefix="scar-bundle-") as name:
        folder = Path(name)
        write_tree(tree, folder)
        (folder / "python._pth").write_text(f"{ZIP}\nlib-dynload\nsources\n")
        source = Path(str(program.__file__)).read_bytes()
        (folder / "program.py").write_bytes(source)
        output = folder / "output"
        completed = subprocess.run(
            # no_debug_ranges: columns are shown below a source line, and no source is in an image.
            [*interpreter_command(folder), "-Xno_debug_ranges", "program.py", "output", *arguments],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
            cwd=folder,
            env={},
        )
        if completed.returncode:
            raise BundleError(
                f"The bundled Python cannot compile: {completed.stderr.strip()[-800:]}",
                remedy=f"{REBUILD_REMEDY} If it fails again, please report it.",
            )
        return output.read_bytes()


def interpreter_command(folder: Path) -> list[str]:
    """Return the command that starts the Python in a folder, isolated from the machine's."""
    loader = [f"{folder}/ld.so", "--inhibit-cache", "--library-path", f"{folder}/lib"]
    return [*loader, f"{folder}/python", "-I", "-Xutf8"]


def _patch_loader(packages: PackageFiles, target: TargetPlatform) -> bytes:
    loader = packages.require(f"usr/lib/{target.triplet}/{target.loader}")
    if loader.count(PRELOAD) != 1:
        raise BundleError(
            f"{target.loader} does not contain /etc/ld.so.preload exactly once.",
            remedy="Adapt supervisor/bundle/python.py to this version of the loader.",
        )
    return loader.replace(PRELOAD, NO_PRELOAD)


def _join_pem(texts: Iterable[bytes]) -> bytes:
    return b"".join(text.rstrip(b"\n") + b"\n" for text in texts)
