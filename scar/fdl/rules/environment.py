"""Rules of environment variables: names that are scar's own, and secrets that are variables too."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.fdl.model import AwsFunction
    from scar.fdl.problems import Location

_BATCH_PREFIX = "AWS_BATCH"


def check_variables(function: AwsFunction, location: Location) -> Iterator[tuple[Location, str]]:
    """Yield the location and message of each broken rule."""
    spec, batch = function.lambda_, function.batch
    container: Location = (*location, "lambda", "container")
    secrets = (*container, "secrets")
    variables: Mapping[str, tuple[Location, Mapping[str, str]]] = {
        "lambda.environment": ((*location, "lambda"), spec.environment.Variables),
        "container.environment": (container, spec.container.environment.Variables),
        "batch.environment": ((*location, "batch"), batch.environment.Variables),
    }
    for section, values in variables.values():
        yield from _check_names((*section, "environment", "Variables"), values)
    yield from _check_names(secrets, spec.container.secrets)
    for name in spec.container.secrets:
        for where, (_, values) in variables.items():
            if name in values:
                yield (*secrets, name), f"is also a variable of {where}; keep one of them"


def _check_names(section: Location, names: Mapping[str, str]) -> Iterator[tuple[Location, str]]:
    """Refuse names whose values would be replaced, would replace scar's, or redirect jobs."""
    if not names:
        return
    # With a name to check, not before: it imports the types of the supervisor's runs.
    from supervisor.execution.environment import INTERNAL_VARIABLES, RUN_VARIABLES

    # Those of a run that the supervisor also reads from the environment of a job.
    inputs = INTERNAL_VARIABLES | {"SCAR_RUN_ID"}
    for name in names:
        if name in inputs:
            yield (
                (*section, name),
                "scar's supervisor reads it to find its work: choose another name",
            )
        elif name in RUN_VARIABLES:
            yield (*section, name), "scar sets it for each run: choose another name"
        elif name.startswith(_BATCH_PREFIX):
            yield (
                (*section, name),
                f"AWS Batch alone sets names that begin with {_BATCH_PREFIX}: choose another name",
            )
