"""Name the keys of an FDL file that have no effect, and what follows from parts that are disabled.

Without effect are some of SCAR's words (``scar_words``), and keys of the model whose description
begins with "accepted, not used".
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.aws.model import limits
from scar.fdl.known_keys import field_key, find_field
from scar.fdl.layers import COMMAND_LINE
from scar.fdl.model import AwsFunction
from scar.fdl.problems import Location, format_location
from scar.fdl.scar_words import table
from scar.fdl.scar_words.scar_defaults import is_default
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pydantic.fields import FieldInfo

    from scar.fdl.model import FdlDocument

# Keys that several sections have, and that count in the section ``lambda`` alone.
_OF_LAMBDA = ("region", "boto_profile")
_BATCH: Location = ("batch",)
_ENDPOINT: Location = ("api_gateway",)
_ENABLED: Location = ("batch", "enabled")
_INSTANCE_ROLE: Location = ("batch", "compute_resources", "instance_role")


def describe_unused_key(location: Location, source: str, reason: str) -> str:
    """Return the note about a word of SCAR; ``source`` is the file with the line."""
    return _note(location, source, reason)


def find_unused_values(
    document: FdlDocument,
    origins: Sequence[Mapping[Location, str]],
    file: str,
) -> Iterator[str]:
    """Yield a note for each value without effect that a file, an option or a variable sets.

    ``origins`` are the sources of the values of each function, ``file`` is the document's.
    """
    for function, sources in zip(document.functions.aws, origins, strict=True):
        unused = list(_find_unused_section(function, sources, file))
        yield from unused
        # One note for the section is enough.
        hidden = _BATCH if unused else None
        shown = {at: source for at, source in sources.items() if at[:1] != hidden}
        yield from _find_unused_endpoint(function, shown, file)
        yield from _find_in_function(function, shown)
        yield from _find_not_enabled(function, shown)
        yield from _find_unused_by_type(function, shown, file)


def _find_in_function(function: AwsFunction, origins: Mapping[Location, str]) -> Iterator[str]:
    for location, source in origins.items():
        found = find_field(AwsFunction, location)
        if found is None or not (found.description or "").startswith(table.NOT_USED):
            continue
        value, name = _model_value(function, location), location[-1]
        if value == found.default or is_default(location, value):
            continue
        if name in _OF_LAMBDA and value == getattr(function.lambda_, str(name)):
            continue
        yield _note(location, source, _reason_in(found))


def is_own_value(source: str, file: str) -> bool:
    """Return whether the user chose a value for this file, not for all in a configuration."""
    return source.startswith((f"{file}:", COMMAND_LINE))


def sets_batch(origins: Mapping[Location, str], file: str) -> bool:
    """Return whether the file or an option sets a key of the section ``batch``."""
    return any(at[:1] == _BATCH and is_own_value(source, file) for at, source in origins.items())


def _find_unused_section(
    function: AwsFunction, origins: Mapping[Location, str], file: str
) -> Iterator[str]:
    """Yield one note if a function of the mode ``lambda`` has a section ``batch`` of its own."""
    if function.lambda_.execution_mode is not ExecutionMode.LAMBDA:
        return
    for location, source in origins.items():
        if location[:1] != _BATCH or location == _ENABLED or not is_own_value(source, file):
            continue
        found, value = find_field(AwsFunction, location), _model_value(function, location)
        is_unset = found is not None and value == found.default
        plain = list(value) if isinstance(value, tuple) else value
        if not is_unset and not is_default(location, plain):
            yield _note(_BATCH, source, "the function runs in Lambda only (execution_mode: lambda)")
            return


def _find_unused_endpoint(
    function: AwsFunction, origins: Mapping[Location, str], file: str
) -> Iterator[str]:
    """Yield one note if a function without an HTTP endpoint has settings of one."""
    if function.api_gateway.is_used:
        return
    for location, source in origins.items():
        # `type: http` without a name, and an empty name, are the defaults.
        if location[:1] == _ENDPOINT and is_own_value(source, file):
            found, value = find_field(AwsFunction, location), _model_value(function, location)
            is_unused = (found.description or "").startswith(table.NOT_USED) if found else True
            if found is not None and value != found.default and not is_unused:
                yield _note(
                    _ENDPOINT,
                    source,
                    "without `name` or `type: url` the function has no HTTP endpoint",
                )
                return


def _find_unused_by_type(
    function: AwsFunction, origins: Mapping[Location, str], file: str
) -> Iterator[str]:
    """Yield a note for the instances' role of a function without instances.

    It is no error: a configuration may name the role for all functions.
    """
    source = origins.get(_INSTANCE_ROLE, "")
    compute = function.batch.compute_resources
    if compute.is_fargate and compute.instance_role and is_own_value(source, file):
        yield _note(_INSTANCE_ROLE, source, "Fargate has no instances")


def describe_quotas(document: FdlDocument) -> Iterator[str]:
    """Yield what an account may refuse unless a quota was raised."""
    least = limits.IAM_DEFAULT_ATTACHED_POLICIES.maximum
    for function in document.functions.aws:
        attached = sum(policy.startswith("arn:") for policy in function.iam.policies)
        if attached > least:
            yield (
                f"{function.lambda_.name} has {attached} managed policies (iam.policies). A role"
                f' can have {least} unless IAM\'s quota "Managed policies per role" was raised, to'
                f" {limits.IAM_ATTACHED_POLICIES.maximum} at most: `scar init` fails otherwise."
            )


def _find_not_enabled(function: AwsFunction, origins: Mapping[Location, str]) -> Iterator[str]:
    """Yield a note for each key of ``multi_node_parallel`` without a decision about ``enabled``."""
    section: Location = ("batch", "multi_node_parallel")
    if "enabled" in function.batch.multi_node_parallel.model_fields_set:
        return
    for location, source in origins.items():
        if location[:2] == section:
            yield (
                f"{source}: {format_location(location)} has no effect: jobs have one node without"
                f" `enabled: true` in {format_location(section)}."
            )


def describe_scripts_of_images(document: FdlDocument) -> Iterator[str]:
    """Yield a note for each script that is in the function's image already, as with SCAR."""
    for function in document.functions.aws:
        spec = function.lambda_
        if spec.init_script and not spec.container.create_image:
            yield (
                f"{spec.name}: lambda.init_script is {table.NOT_USED}: create_image: false uses the"
                " image unchanged, with the script that is in it (`scar image compose`)."
            )


def describe_disabled_parts(document: FdlDocument) -> Iterator[str]:
    """Yield what follows from each ``enabled: false``."""
    for function in document.functions.aws:
        spec = function.lambda_
        if not function.enabled:
            folders = ", ".join(item.path for item in spec.input)
            events = f" New objects in {folders} start nothing." if folders else ""
            deletes = function.ecr.delete_image
            last = "its roles and its images" if deletes else "and its roles"
            yield (
                f"{spec.name} is disabled: if it is deployed, its triggers, its Lambda function,"
                f" its job definition, {last}"
                " are deleted, and so are a job queue and compute environments that no other"
                f" function uses. Buckets, outputs, logs and run records stay"
                f"{'' if deletes else ', and the images (ecr.delete_image: false)'}.{events}"
            )
        elif not function.batch.enabled and spec.execution_mode is ExecutionMode.LAMBDA_BATCH:
            yield (
                f"{spec.name} has no part in Batch (batch.enabled: false): runs that exceed the"
                " limits of Lambda fail, as in execution_mode lambda."
            )


def _note(location: Location, source: str, reason: str) -> str:
    where = f"{source}: " if source else ""
    because = f": {reason}" if reason else ""
    return f"{where}{format_location(location)} is {table.NOT_USED}{because}."


def _reason_in(field: FieldInfo) -> str:
    return (field.description or "").removeprefix(table.NOT_USED).lstrip(": ")


def _model_value(value: Any, location: Location) -> Any:  # noqa: ANN401 - any value of the model
    for part in location:
        if isinstance(part, int):
            value = value[part] if isinstance(value, tuple) and part < len(value) else None
        elif isinstance(value, dict):
            value = value.get(part)
        else:
            names = {
                field_key(name, field): name
                for name, field in getattr(type(value), "model_fields", {}).items()
            }
            if part not in names:
                return value
            value = getattr(value, names[part])
    return value
