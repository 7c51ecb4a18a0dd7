"""pydantic without plugins, and without the search for them.

pydantic looks for plugins with the first model: it imports ``importlib.metadata`` with 40 modules
and reads the metadata of every installed package, which takes twice as long as Python's start.
Its variable PYDANTIC_DISABLE_PLUGINS prevents only the second part.
"""

import sys
from importlib import import_module
from types import ModuleType

_LOADER = "pydantic.plugin._loader"


class _NoPlugins(ModuleType):
    """Replaces pydantic's module that finds plugins, as long as only its one function is used."""

    @staticmethod
    def get_plugins() -> tuple[()]:
        return ()

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        # Another version of pydantic needs more of the module.
        sys.modules.pop(_LOADER)
        return getattr(import_module(_LOADER), name)


def skip_plugins() -> None:
    """Let pydantic find no plugins from now on, unless it has already searched for them."""
    sys.modules.setdefault(_LOADER, _NoPlugins(_LOADER))
