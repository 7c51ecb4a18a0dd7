"""Selects the container engine: the user's choice, else the best one that works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scar.local.engines.port import Engine
    from scar.local.home import LocalCloudHome


def select_engine(name: str, folder: Path, environment: Mapping[str, str]) -> Engine:
    """Return the engine of that name; for an empty name the first that works on this machine.

    Each engine gets its own folder below ``folder``. Raise ConfigurationError if the named
    engine does not work.
    """
    reasons = []
    for candidate in (name,) if name else ("docker", "sandbox", "process"):
        engine_folder = folder / candidate
        engine_folder.mkdir(parents=True, exist_ok=True)
        engine, reason = _open_engine(candidate, engine_folder, environment)
        if engine is not None:
            return engine
        reasons.append(reason)
    raise ConfigurationError(
        f"The {name or 'container'} engine cannot be used: {'; '.join(reasons)}",
        remedy="Choose another engine, or none to use the best one that works.",
    )


def _open_engine(
    name: str, folder: Path, environment: Mapping[str, str]
) -> tuple[Engine | None, str]:
    match name:
        case "docker":
            # Imported here: the Docker SDK is slow to import, and an optional dependency.
            from scar.local.engines.docker import DockerEngine, find_socket

            url, reason = find_socket(environment)
            return (DockerEngine(folder, url), "") if url else (None, reason)
        case "sandbox":
            from scar.local.engines.sandbox import SandboxEngine
            from scar.local.engines.sandbox_support import find_support

            support = find_support(folder)
            if support.reason:
                return None, support.reason
            return SandboxEngine(folder, support), ""
        case "process":
            from scar.local.engines.process import ProcessEngine

            return ProcessEngine(folder), ""
        case _:
            return None, f"unknown engine {name!r}"


def select_kept_engine(home: LocalCloudHome, engine: str, environment: Mapping[str, str]) -> Engine:
    """Return the engine that was named, else that of the last start, else the best one.

    A start never changes to another engine by itself: it may isolate less.
    """
    kept = "" if engine else home.kept_engine()
    try:
        selected = select_engine(engine or kept, home.data / "engines", environment)
    except ConfigurationError as error:
        if not kept:
            raise
        raise ConfigurationError(
            f"The local cloud in {home.path} uses the {kept} engine, which does not work now:"
            f" {error.problem}",
            remedy="Make it work again, or choose another one: `scar local start --engine"
            " docker`, `sandbox`, or `process`. The process engine has no isolation: scripts run"
            " on this machine as you. Buckets, functions and jobs stay.",
        ) from error
    home.keep_engine(selected.name)
    return selected
