"""Rules of ``storage_provider``: which stores inputs and outputs can name, and what these need."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from scar.fdl.cycles import can_trigger
from scar.fdl.model import S3Provider, WebdavProvider
from scar.fdl.values.secret_values import SECTION
from scar.spelling import suggest_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scar.fdl.model import AwsFunction, LambdaSpec, ProviderSpec, StorageProviders, StorageSpec
    from scar.fdl.problems import Location

LocatedProblem = tuple["Location", str]

_KINDS = ("s3", "minio", "webdav", "onedata")
_STARTS_BY_HAND = (
    "Omit the input, and start runs with `scar run` or `scar invoke`, or with an input in S3"
)
_NO_EVENTS = {
    "webdav": f"WebDAV servers send no events: nothing would start the function. {_STARTS_BY_HAND}",
    "onedata": "events of OneData are not served: nothing would start the function."
    f" {_STARTS_BY_HAND}",
    "s3": "scar cannot make notifications in another account or on another server. For a bucket"
    " of another account, omit the keys and let its bucket policy allow the function's role; for"
    " another server, use storage_providers.minio, whose webhook can call the function's endpoint",
}


def check_provider(kind: str, storage: StorageSpec, section: Location) -> Iterator[LocatedProblem]:
    """Check what does not depend on the file's providers; ``kind`` is ``input`` or ``output``."""
    provider_kind, _, name = storage.storage_provider.partition(".")
    at = (*section, "storage_provider")
    if provider_kind not in _KINDS:
        hint = suggest_name(provider_kind, _KINDS) or f"; {', '.join(_KINDS)} are"
        yield at, f"{storage.storage_provider!r} is not supported{hint}"
    elif kind == "input" and provider_kind in ("webdav", "onedata"):
        yield at, _NO_EVENTS[provider_kind]
    elif not name and provider_kind != "s3":
        yield (
            at,
            f"needs the name of an entry of {SECTION}.{provider_kind}: {provider_kind}.<name>",
        )


def check_named_store(
    function: AwsFunction,
    kind: str,
    storage: StorageSpec,
    section: Location,
    providers: StorageProviders,
) -> Iterator[LocatedProblem]:
    """Check an input or output against the file's providers."""
    provider_kind, _, name = storage.storage_provider.partition(".")
    if not name or provider_kind not in _KINDS:
        return
    at = (*section, "storage_provider")
    spec = providers.find(storage.storage_provider)
    if spec is None:
        known = sorted(providers.of_kind(provider_kind))
        hint = suggest_name(name, known) or (f"; it has {', '.join(known)}" if known else "")
        yield at, f"{SECTION}.{provider_kind} has no {name!r}{hint}"
        return
    if providers.is_account_s3(storage):
        return
    entry: Location = (SECTION, provider_kind, name)
    if storage.sse:
        yield (*section, "sse"), "is for the account's S3 only: other stores have their own default"
    if kind == "input" and provider_kind == "s3":
        yield at, _NO_EVENTS["s3"]
    endpoint = function.api_gateway
    is_open = endpoint.is_used and endpoint.authentication == "NONE"
    is_served = kind == "input" and provider_kind == "minio" and is_open
    if is_served and "webhook_token" not in spec.secrets:
        yield (
            entry,
            (
                f"webhook_token is required: the endpoint of {function.lambda_.name} has"
                " authentication: NONE, so anybody could send events"
            ),
        )


def check_servers(
    spec: LambdaSpec, section: Location, providers: StorageProviders
) -> Iterator[LocatedProblem]:
    """Check that an event of MinIO, which does not name its server, belongs to one input."""
    inputs = [
        (number, storage)
        for number, storage in enumerate(spec.input)
        if storage.storage_provider.startswith("minio.")
    ]
    for (_, one), (number, other) in combinations(inputs, 2):
        if providers.store_of(one) == providers.store_of(other):
            continue
        watched, suffix = (other.bucket, other.folder), other.input_suffix
        if can_trigger((one.bucket, one.folder), one.suffix, watched, suffix):
            yield (
                (*section, "input", number, "path"),
                (
                    f"overlaps {one.path} of {one.storage_provider}: events of MinIO do not say"
                    " which server sent them. Use other buckets, folders or suffixes, or one"
                    " function for each server"
                ),
            )


def check_used_stores(providers: StorageProviders, used: Iterable[str]) -> Iterator[LocatedProblem]:
    """Check the entries that inputs or outputs name (``kind.name``)."""
    for provider in sorted({*used}):
        kind, _, name = provider.partition(".")
        spec = providers.find(provider)
        if spec is not None and not (isinstance(spec, S3Provider) and spec.is_account):
            yield from _check_keys(spec, (SECTION, kind, name))


def _check_keys(spec: ProviderSpec, entry: Location) -> Iterator[LocatedProblem]:
    missing = [key for key in spec.required if not getattr(spec, key)]
    if spec.together:
        one, other = spec.together
        if bool(getattr(spec, one)) != bool(getattr(spec, other)):
            missing += [key for key in spec.together if not getattr(spec, key)]
    for key in missing:
        yield entry, f"{key} is required and missing"
    if isinstance(spec, WebdavProvider):
        yield from _check_login(spec, entry)


def _check_login(spec: WebdavProvider, entry: Location) -> Iterator[LocatedProblem]:
    if spec.token and (spec.login or spec.password):
        yield (*entry, "token"), "is used instead of login and password: remove one of them"
    if ":" in spec.login.text.reveal():
        yield (*entry, "login"), "has a colon, which Basic authentication does not allow"
