"""From the flags of ``init`` to values of the FDL. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    Values = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flags:
    """What the command line says about a function; None and empty: nothing.

    Names are those of SCAR's flags, units those of the FDL.
    """

    name: str | None = None
    description: str | None = None
    image: str | None = None
    image_file: Path | None = None
    init_script: Path | None = None
    memory: int | None = None
    timeout: int | None = None
    timeout_threshold: int | None = None
    log_level: str | None = None
    execution_mode: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    lambda_environment: Mapping[str, str] = field(default_factory=dict)
    input_bucket: tuple[str, ...] = ()
    output_bucket: tuple[str, ...] = ()
    iam_role: str | None = None
    batch_memory: int | None = None
    batch_vcpus: float | None = None
    enable_gpu: bool = False


def overrides(flags: Flags) -> Values:
    """Return the values in the shape of one entry of ``functions.aws``.

    Paths are made absolute: on a command line they start at the current folder, in the FDL at
    its file. An image given here replaces an image file given there, and the reverse.
    """
    container: Values = _given(
        image=flags.image,
        image_file=_absolute(flags.image_file),
        timeout_threshold=flags.timeout_threshold,
        environment=_variables(flags.environment),
    )
    if flags.image_file and not flags.image:
        container["image"] = ""
    elif flags.image and not flags.image_file:
        container["image_file"] = None
    function = _given(
        name=flags.name,
        description=flags.description,
        memory=flags.memory,
        timeout=flags.timeout,
        log_level=flags.log_level and flags.log_level.upper(),
        execution_mode=flags.execution_mode,
        init_script=_absolute(flags.init_script),
        environment=_variables(flags.lambda_environment),
        input=_folders(flags.input_bucket),
        output=_folders(flags.output_bucket),
        container=container or None,
    )
    if flags.init_script:
        function["run_script"] = None
    batch = _given(
        memory=flags.batch_memory, vcpus=flags.batch_vcpus, enable_gpu=flags.enable_gpu or None
    )
    iam = _given(role=flags.iam_role)
    return _given(**{"lambda": function or None}, batch=batch or None, iam=iam or None)


def _given(**values: object) -> Values:
    return {name: value for name, value in values.items() if value is not None}


def _variables(given: Mapping[str, str]) -> Values | None:
    return {"Variables": dict(given)} if given else None


def _folders(paths: tuple[str, ...]) -> list[Values] | None:
    return [{"storage_provider": "s3", "path": path} for path in paths] or None


def _absolute(path: Path | None) -> str | None:
    return str(path.absolute()) if path else None
