"""Imports the modules of a start from one file; ``main.py`` installs it before all other imports.

``zipimport`` reads a zip's directory in Python, opens the file for each module, and loads the byte
code of each twice, once only to tell its path. Modules that the file does not have are imported
from the zips, as without it; the build writes both from the same byte code.
"""

from __future__ import annotations

import marshal
import posix  # what os takes its functions from; built in
import sys

TYPE_CHECKING = False  # importing typing costs time
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    # Path below the bundle's folder, whether it is a package, and where its code is.
    # None: a module that does not exist, such as one of another operating system: the zips need
    # not be asked for it.
    Archived = tuple[str, bool, int, int] | None


class ModuleArchive:
    """A finder and loader of the modules in an open file, where code begins at ``start``.

    ``home`` is the bundle's folder.
    """

    def __init__(
        self, home: str, descriptor: int, start: int, modules: Mapping[str, Archived]
    ) -> None:
        self._home = home
        self._descriptor = descriptor
        self._start = start
        self._modules = modules

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to load a module of the archive; raise if it is known not to exist."""
        try:
            archived = self._modules[name]
        except KeyError:
            return None
        if archived is None:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        origin = self._home + archived[0]
        new_spec = type(sys.__spec__)  # the class that importlib.machinery has
        spec: ModuleSpec = new_spec(name, self, origin=origin, is_package=archived[1])  # type: ignore[arg-type]
        spec.has_location = True
        spec.cached = origin
        if archived[1]:  # for the modules of the package that are not in the archive
            spec.submodule_search_locations = [origin.rpartition("/")[0]]
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        """Let the import system create the module."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - as every loader does

    def get_code(self, name: str) -> CodeType:
        """Return the code of a module of the archive."""
        archived = self._modules.get(name)
        if archived is None:
            raise ImportError(f"{name} is not in the archive", name=name)
        data = posix.pread(self._descriptor, archived[3], self._start + archived[2])
        code: CodeType = marshal.loads(data)  # noqa: S302 - a file of the bundle
        return code


def install(archive: ModuleArchive, encodings: str) -> None:
    """Import the modules of the archive before all others.

    Python has imported the package encodings already, from files; ``encodings`` has all of it.
    """
    sys.meta_path.insert(0, archive)
    sys.modules["encodings"].__path__.append(encodings)
