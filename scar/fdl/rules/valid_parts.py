"""The valid parts of an invalid document, for the rules: as many problems as possible at once."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from scar.fdl.model import (
    AwsFunction,
    MinioProvider,
    OnedataProvider,
    ProviderSpec,
    S3Provider,
    StorageProviders,
    WebdavProvider,
)
from scar.fdl.values.secret_values import SECTION

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from scar.fdl.problems import Location

_MODELS: dict[str, type[ProviderSpec]] = {
    "s3": S3Provider,
    "minio": MinioProvider,
    "webdav": WebdavProvider,
    "onedata": OnedataProvider,
}


def valid_functions(
    entries: Sequence[Any], context: dict[str, Any]
) -> list[tuple[int, AwsFunction]]:
    """Return the valid functions with their number in the file."""
    valid = []
    for number, entry in enumerate(entries):
        with contextlib.suppress(ValidationError):
            valid.append((number, AwsFunction.model_validate(entry, context=context)))
    return valid


def valid_providers(section: object) -> StorageProviders:
    """Return the storage providers; an invalid one has its name and no values."""
    if not isinstance(section, dict):
        return StorageProviders()
    found: dict[str, dict[str, ProviderSpec]] = {}
    for kind, model in _MODELS.items():
        entries = section.get(kind)
        for name, entry in entries.items() if isinstance(entries, dict) else ():
            try:
                spec = model.model_validate(entry)
            except ValidationError:
                spec = model.model_construct()
            found.setdefault(kind, {})[str(name)] = spec
    return StorageProviders.model_construct(**found)  # type: ignore[arg-type]


def without_invalid_providers(
    broken_rules: Iterable[tuple[Location, str]], invalid: Collection[Location]
) -> Iterator[tuple[Location, str]]:
    """Leave out what rules say about a provider whose values are invalid."""
    sections = {location[:3] for location in invalid if location[:1] == (SECTION,)}
    for location, message in broken_rules:
        if location[:3] not in sections:
            yield location, message
