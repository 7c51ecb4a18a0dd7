"""Values from several places, the nearer to the user the stronger. Pure.

Now: command line over FDL file over the defaults of ``model``. Mappings are merged key by key;
everything else, lists too, is replaced: that is how a default list can be emptied.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def merged(document: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Lay ``overrides``, shaped like one entry of ``functions.aws``, over every function.

    A document that has no such entries is returned as it is: the model tells what is wrong.
    """
    functions = document.get("functions")
    entries = functions.get("aws") if isinstance(functions, dict) else None
    if not overrides or not isinstance(functions, dict) or not isinstance(entries, list):
        return dict(document)
    changed = [over(entry, overrides) if isinstance(entry, dict) else entry for entry in entries]
    return {**document, "functions": {**functions, "aws": changed}}


def over(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Lay one mapping over another."""
    result = dict(below)
    for key, value in above.items():
        present = result.get(key)
        if isinstance(present, dict) and isinstance(value, dict):
            result[key] = over(present, value)
        else:
            result[key] = value
    return result
