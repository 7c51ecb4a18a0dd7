"""Writes ``modules.bin``: what a start imports until its first run, for ``module_archive``.

It runs inside the bundled Python, beside the zips, and reads the byte code from them. The output
has an index of the modules, then their marshalled code.
"""

from __future__ import annotations

import importlib
import marshal
import sys
import zipimport

LENGTH = 8  # hexadecimal digits
HEADER = 16  # bytes of a .pyc file before the code
IMPORTER = "supervisor.runtime.module_archive"
# Until ready in Lambda and in Batch, and then what nearly every run needs.
IMPORTED = (
    "supervisor.__main__", "supervisor.aws.function_secrets", "supervisor.config",
    "supervisor.execution.core", "supervisor.execution.process_runner",
    "supervisor.runtime.batch_job", "supervisor.runtime.lambda_loop",
    IMPORTER, "supervisor.runtime.pid1", "supervisor.storage.s3",
)  # fmt: skip


class MissingModules:
    """The last finder: notes which modules were tried and do not exist."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def find_spec(self, name: str, _path: object = None, _target: object = None) -> None:
        """Note the name; nothing is found."""
        self.names.add(name)


def find_archived(zips: dict[str, str]) -> dict[str, tuple[str, bool, bytes]]:
    """Return path, whether it is a package, and code of each module that was imported from a zip.

    ``zips`` has the names in the bundle of the zips' paths.
    """
    found = {}
    for name, module in sorted(sys.modules.items()):
        spec = getattr(module, "__spec__", None)
        if spec and isinstance(loader := spec.loader, zipimport.zipimporter):
            path = zips[loader.archive] + spec.origin.removeprefix(loader.archive)
            found[name] = (path, loader.is_package(name), loader.get_data(spec.origin)[HEADER:])
    return found


def dump(library: str, found: dict[str, tuple[str, bool, bytes]], missing: set[str]) -> bytes:
    """Return the file: the length of its index, the index, and the modules one after the other."""
    importer = marshal.loads(found.pop(IMPORTER)[2])  # noqa: S302 - compiled by this build
    modules: dict[str, tuple[str, bool, int, int] | None] = dict.fromkeys(sorted(missing))
    offset = 0
    for name, (path, is_package, code) in found.items():
        modules[name] = (path, is_package, offset, len(code))
        offset += len(code)
    # Version 2 knows no references, which depend on what else the interpreter has in memory.
    index = marshal.dumps((library, modules, importer), 2)
    codes = (code for _, _, code in found.values())
    return b"".join((f"{len(index):0{LENGTH}x}".encode(), index, *codes))


def main(output: str, methods: str, library: str) -> None:
    """Import what a start imports, and write it to ``output``."""
    missing = MissingModules()
    sys.meta_path.append(missing)
    from supervisor.runtime import fast_start

    fast_start.prepare(methods)
    for name in IMPORTED:
        importlib.import_module(name)
    sources = next(path for path in sys.path if path.endswith("/sources"))
    zips = dict.fromkeys(sys.path, library) | {sources: "supervisor.zip"}
    with open(output, "wb") as file:  # noqa: PTH123 - only what a start imports may be imported
        file.write(dump(library, find_archived(zips), missing.names))


if __name__ == "__main__":
    main(*sys.argv[1:])
