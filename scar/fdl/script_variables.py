"""List the environment variables that a function's scripts get, each with its source."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from scar.fdl.effective_values import EffectiveValue, list_effective_values

if TYPE_CHECKING:
    from scar.fdl.loader import ResolvedDocument

Site = Literal["lambda", "batch"]

# Lowest precedence first: see supervisor.execution.environment.
_SECTIONS = ("lambda.environment", "lambda.container.environment", "batch.environment")
_SECRETS = "lambda.container.secrets"
_REGION_VARIABLES = ("AWS_DEFAULT_REGION", "AWS_REGION")


def list_script_variables(
    resolved: ResolvedDocument, number: int, site: Site, *, secrets: bool
) -> tuple[EffectiveValue, ...]:
    """Return the variables of a function's scripts by name, without the image's and the run's.

    The source names the section that counts. Values are masked unless ``secrets`` is true. Of
    ``container.secrets`` the value is where it is read, never the secret.
    """
    found = {
        name: EffectiveValue(
            key=name, value="(the function's Region)", source=f"AWS {site.title()}"
        )
        for name in _REGION_VARIABLES
    }
    values = list_effective_values(resolved, number, secrets=secrets)
    for section in _SECTIONS if site == "batch" else _SECTIONS[:-1]:
        prefix = f"{section}.Variables."
        for value in values:
            if value.key.startswith(prefix):
                name = value.key.removeprefix(prefix)
                source = f"{section}, {value.source}"
                found[name] = EffectiveValue(key=name, value=value.value, source=source)
    for value in values:
        if value.key.startswith(f"{_SECRETS}."):
            name = value.key.removeprefix(f"{_SECRETS}.")
            found[name] = EffectiveValue(
                key=name,
                value=f"(read from {value.value} when a run starts)",
                source=f"{_SECRETS}, {value.source}",
            )
    return tuple(found[name] for name in sorted(found))
