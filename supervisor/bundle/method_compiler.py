"""Compiles the methods that ``dataclasses`` generates; runs inside the Python that loads them.

That is the bundled one or, for the local cloud's ``process`` engine, the one of scar.

``dataclasses`` generates source text and compiles it at every import. The output is a marshalled
mapping of each text to its marshalled code, for ``supervisor/runtime/fast_start.py``.
"""

from __future__ import annotations

import dataclasses
import importlib
import marshal
import pkgutil
import sys
from pathlib import Path


def main(output: Path) -> None:
    """Import the whole supervisor and write what ``dataclasses`` compiled."""
    import supervisor

    known: dict[str, bytes] = {}

    def exec_and_record(text: str, scope: dict[str, object], names: dict[str, object]) -> None:
        code = compile(text, "<string>", "exec", dont_inherit=True)
        known[text] = marshal.dumps(code)
        exec(code, scope, names)  # noqa: S102 - as dataclasses does

    dataclasses.exec = exec_and_record  # type: ignore[attr-defined]
    for found in pkgutil.walk_packages(supervisor.__path__, "supervisor."):
        # Programs, and the build: neither is imported by a start.
        if found.name != "supervisor.__main__" and not found.name.startswith("supervisor.bundle."):
            importlib.import_module(found.name)
    output.write_bytes(marshal.dumps(dict(sorted(known.items()))))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
