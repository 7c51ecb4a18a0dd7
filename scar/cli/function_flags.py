"""Convert the options that describe a function to values of an FDL file. No I/O."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from scar.fdl.problems import Location

    FdlValues = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionFlags:
    """The options of one function; None and empty values are absent options.

    Names are those of ``scar.cli.function_options``, units those of the FDL.
    """

    name: str | None = None
    description: str | None = None
    image: str | None = None
    image_file: Path | None = None
    init_script: Path | None = None
    extra_payload: Path | None = None
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
    api_gateway_name: str | None = None


# For each field of FunctionFlags, its option and the place of its value in ``flags_to_fdl``.
_OPTIONS: Mapping[str, tuple[str, Location]] = {
    "name": ("-n", ("lambda", "name")),
    "description": ("-d", ("lambda", "description")),
    "image": ("-i", ("lambda", "container", "image")),
    "image_file": ("-if", ("lambda", "container", "image_file")),
    "init_script": ("-s", ("lambda", "init_script")),
    "extra_payload": ("-ep", ("lambda", "extra_payload")),
    "memory": ("-m", ("lambda", "memory")),
    "timeout": ("-t", ("lambda", "timeout")),
    "timeout_threshold": ("-tt", ("lambda", "container", "timeout_threshold")),
    "log_level": ("-ll", ("lambda", "log_level")),
    "execution_mode": ("-em", ("lambda", "execution_mode")),
    "environment": ("-e", ("lambda", "container", "environment")),
    "lambda_environment": ("-le", ("lambda", "environment")),
    "input_bucket": ("-ib", ("lambda", "input")),
    "output_bucket": ("-ob", ("lambda", "output")),
    "iam_role": ("-r", ("iam", "role")),
    "batch_memory": ("-bm", ("batch", "memory")),
    "batch_vcpus": ("-bc", ("batch", "vcpus")),
    "enable_gpu": ("-g", ("batch", "enable_gpu")),
    "api_gateway_name": ("-api", ("api_gateway", "name")),
}


def options_of_values(flags: FunctionFlags) -> dict[Location, str]:
    """Return the option of each value of ``flags_to_fdl`` that one has set."""
    return {
        location: option
        for name, (option, location) in _OPTIONS.items()
        # Not `in (…, False)`: the number 0 equals False.
        if (value := getattr(flags, name)) is not None
        and value is not False
        and value not in ((), {})
    }


def name_options(text: str) -> str:
    """Return a message about keys of an FDL file as one about the options that set them.

    For functions that are described by options alone: ``iam.role in the FDL`` becomes ``-r``.
    """
    text = text.replace("another name in the FDL", "another name with -n")
    for option, location in _OPTIONS.values():
        key = ".".join(map(str, location))
        pattern = rf"(?<![\w.]){re.escape(key)}(?![\w.]*\w)( in the FDL)?( file)?"
        text = re.sub(pattern, option, text)
    return text


def option_of(location: Location) -> str:
    """Return the option that sets a value of a function, as in the usage; empty if none does."""
    found = (option for option, at in _OPTIONS.values() if at == location)
    option = next(found, "")
    return "-n NAME" if option == "-n" else option


def flags_to_fdl(flags: FunctionFlags) -> FdlValues:
    """Return the values in the shape of one entry of ``functions.aws``.

    Relative paths become absolute: on the command line they are relative to the current folder,
    in an FDL file to the file.
    """
    container: FdlValues = _present_values(
        image=flags.image,
        image_file=_absolute_path(flags.image_file),
        timeout_threshold=flags.timeout_threshold,
        environment=_environment_section(flags.environment),
    )
    # A function has one image: the one given here replaces either kind in the file.
    if flags.image_file and not flags.image:
        container["image"] = ""
    elif flags.image and not flags.image_file:
        container["image_file"] = None
    function = _present_values(
        name=flags.name,
        description=flags.description,
        memory=flags.memory,
        timeout=flags.timeout,
        log_level=flags.log_level and flags.log_level.upper(),
        execution_mode=flags.execution_mode,
        init_script=_absolute_path(flags.init_script),
        extra_payload=_absolute_path(flags.extra_payload),
        environment=_environment_section(flags.lambda_environment),
        input=_storage_folders(flags.input_bucket),
        output=_storage_folders(flags.output_bucket),
        container=container or None,
    )
    batch = _present_values(
        memory=flags.batch_memory, vcpus=flags.batch_vcpus, enable_gpu=flags.enable_gpu or None
    )
    iam = _present_values(role=flags.iam_role)
    endpoint = _present_values(name=flags.api_gateway_name)
    return _present_values(
        **{"lambda": function or None},
        batch=batch or None,
        iam=iam or None,
        api_gateway=endpoint or None,
    )


def _present_values(**values: object) -> FdlValues:
    return {name: value for name, value in values.items() if value is not None}


def _environment_section(variables: Mapping[str, str]) -> FdlValues | None:
    return {"Variables": dict(variables)} if variables else None


def _storage_folders(paths: tuple[str, ...]) -> list[FdlValues] | None:
    return [{"storage_provider": "s3", "path": path} for path in paths] or None


def _absolute_path(path: Path | None) -> str | None:
    return str(path.absolute()) if path else None
