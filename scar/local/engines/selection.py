"""Choose where sandboxes run: what the user asks for, else the best this machine has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scar.local.engines.port import Engine


def select_engine(name: str, folder: Path, environment: Mapping[str, str]) -> Engine:
    """Return the engine of that name, or with an empty name the first that works here.

    Each engine gets a folder of its own below ``folder``. Raises ConfigurationError if the
    engine that the user asked for cannot work.
    """
    reasons = []
    for candidate in (name,) if name else ("docker", "sandbox", "process"):
        place = folder / candidate
        place.mkdir(parents=True, exist_ok=True)
        engine, reason = _open_engine(candidate, place, environment)
        if engine is not None:
            return engine
        reasons.append(reason)
    raise ConfigurationError(
        f"The {name or 'container'} engine cannot be used: {'; '.join(reasons)}",
        remedy="Choose another engine, or none: the best one that works is taken.",
    )


def _open_engine(
    name: str, folder: Path, environment: Mapping[str, str]
) -> tuple[Engine | None, str]:
    match name:
        case "docker":
            from scar.local.engines.docker import DockerEngine, find_socket

            url, reason = find_socket(environment)
            return (DockerEngine(folder, url), "") if url else (None, reason)
        case "sandbox":
            from scar.local.engines.sandbox import SandboxEngine, unsupported_reason

            reason = unsupported_reason(folder)
            return (None, reason) if reason else (SandboxEngine(folder), "")
        case "process":
            from scar.local.engines.process import ProcessEngine

            return ProcessEngine(folder), ""
        case _:
            return None, f"there is no engine {name!r}"
