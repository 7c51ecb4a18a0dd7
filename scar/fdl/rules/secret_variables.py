"""Read the environment variables that secret keys of ``storage_providers`` name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scar.fdl.problems import KEYS_ARE_EXPLAINED, Problem
from scar.fdl.values.secret_values import SECTION, SecretOrigin, find_secret_problem
from scar.hidden_text import HiddenText

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from scar.fdl.model import FdlDocument, StorageProviders
    from scar.fdl.problems import Location

_VARIABLE = "the environment variable "
_REMEDY = (
    "Set the variables for this command, or keep the values in AWS: ${ssm:/path} or"
    " ${secretsmanager:ARN}."
)


def find_missing_variables(
    data: Mapping[str, Any], providers: StorageProviders, environment: Mapping[str, str]
) -> Iterator[tuple[Location, str]]:
    """Yield each variable that an enabled function needs and that is missing or cannot be stored.

    ``data`` is the file's, which may have faults: what its folders name counts.
    """
    for location, name in _named_variables(providers, set(named_stores(data, only_enabled=True))):
        if problem := _find_problem(name, str(location[-1]), environment):
            yield location, problem


def read_secret_variables(
    document: FdlDocument, environment: Mapping[str, str]
) -> Mapping[str, HiddenText]:
    """Return the values of the variables that enabled functions need, by name.

    For a document that was loaded with this environment: then none is missing. Commands that
    deploy nothing do not need the values.
    """
    providers, used = document.storage_providers, set[str]()
    for function in document.functions.aws:
        if function.enabled:
            spec = function.lambda_
            used |= providers.used_by((*spec.input, *spec.output)).keys()
    return {name: HiddenText(environment[name]) for _, name in _named_variables(providers, used)}


def remedy_of(problems: Iterable[Problem]) -> str:
    """Return what to do about a file's problems, some of which may be of variables."""
    of_variables = {_VARIABLE in problem.message for problem in problems}
    if True not in of_variables:
        return KEYS_ARE_EXPLAINED
    return f"{_REMEDY} {KEYS_ARE_EXPLAINED}" if False in of_variables else _REMEDY


def named_stores(data: Mapping[str, Any], *, only_enabled: bool = False) -> Iterator[str]:
    """Yield the stores (``kind.name``) that folders name, also folders that have faults."""
    functions = data.get("functions")
    entries = functions.get("aws") if isinstance(functions, dict) else None
    for entry in entries if isinstance(entries, list) else ():
        spec = entry.get("lambda") if isinstance(entry, dict) else None
        if not isinstance(spec, dict) or (only_enabled and entry.get("enabled") is False):
            continue
        for key in ("input", "output"):
            folders = spec.get(key)
            for folder in folders if isinstance(folders, list) else [folders]:
                if isinstance(folder, dict):
                    kind, dot, name = str(folder.get("storage_provider", "")).partition(".")
                    yield f"{kind.lower()}{dot}{name}"


def _named_variables(
    providers: StorageProviders, used: Collection[str]
) -> Iterator[tuple[Location, str]]:
    for provider in sorted(used):
        entry, (kind, _, name) = providers.find(provider), provider.partition(".")
        for key, value in entry.secrets.items() if entry else ():
            if value.origin is SecretOrigin.ENVIRONMENT:
                yield (SECTION, kind, name, key), value.name


def _find_problem(name: str, key: str, environment: Mapping[str, str]) -> str:
    if not environment.get(name):
        state = "is empty" if name in environment else "is not set"
        return f"{_VARIABLE}{name} {state}"
    problem = find_secret_problem(environment[name], key)
    return problem and f"the value of {_VARIABLE}{name} {problem}"
