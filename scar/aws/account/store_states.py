"""Try the stores other than the account's S3 from this machine, before functions use them.

An output of a store with S3's API is tried with two small objects, which are deleted: whether its
bucket exists, the keys are right, and the store checks write conditions. Others are only asked for
an object that does not exist. What fails is a warning: a network may let the functions through.
"""

from __future__ import annotations

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from scar.fdl.values.ca_bundles import names_image_file
from supervisor.connections import PROBE_NAME
from supervisor.errors import ConfigError, StorageError
from supervisor.model import ObjectRef
from supervisor.sentences import join_sentences
from supervisor.storage import open_provider
from supervisor.storage.probe import supports_conditions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function
    from supervisor.connections import ProviderConfig

_CONNECT_TIMEOUT = 5.0  # seconds; the client's own attempts would take more than a minute
_PARALLEL = 8
_ADDRESSES = ("endpoint", "hostname", "oneprovider_host")
# Not of an object that cannot be deleted: the user has to do that.
_TRIED = re.compile(rf"^(Cannot (?:read|write) .*?){re.escape(PROBE_NAME)}[0-9a-f]*")
CONDITIONAL_WRITES = "conditional_writes"


@dataclass(frozen=True, slots=True, kw_only=True)
class _StoreFolder:
    """An input or output in a store; ``values`` are those of its secrets that are known here."""

    provider: ProviderConfig
    path: str
    is_output: bool
    values: Mapping[str, str]


def find_store_problems(
    functions: Sequence[Function], connection: AwsConnection
) -> tuple[str, ...]:
    """Return what is wrong with the functions' other stores, each once; writes to outputs."""
    folders = {
        (folder.provider.name, folder.path, folder.is_output): folder
        for function in functions
        for folder in _folders_of(function, connection)
    }
    if not folders:
        return ()
    with ThreadPoolExecutor(_PARALLEL) as pool:
        found = pool.map(_find_problem, folders.values())
    return tuple(dict.fromkeys(problem for problem in found if problem))


def _folders_of(function: Function, connection: AwsConnection) -> Iterator[_StoreFolder]:
    stored = {f"ssm:{name}": value.reveal() for name, value in function.stored_secrets}
    providers = {provider.name: provider for provider in function.providers}
    spec = function.lambda_
    for is_output, storages in ((False, spec.input), (True, spec.output)):
        for storage in storages:
            if (provider := providers.get(storage.storage_provider)) is not None:
                yield _StoreFolder(
                    provider=_with_place(provider, connection),
                    path=storage.path,
                    is_output=is_output,
                    values={key: stored.get(text, "") for key, text in provider.secrets.items()},
                )


def _with_place(provider: ProviderConfig, connection: AwsConnection) -> ProviderConfig:
    """Add what a function takes from its environment: the Region, and an emulator's address."""
    if any(key in provider.options for key in _ADDRESSES):
        return provider
    place = {"region": connection.account.region}
    if connection.endpoint_url:
        place["endpoint"] = connection.endpoint_url
    return replace(provider, options={**place, **provider.options})


_UNTIL_THEN = "Runs fail until then."


def _find_problem(folder: _StoreFolder) -> str:
    provider = folder.provider
    name, options = f"storage_providers.{provider.name}", provider.options
    if not all(folder.values.values()):
        return (
            f"{name} is not tried before the deployment: only the functions read its secrets. An"
            " error would appear in the first run."
        )
    bundle = options.get("ca_bundle", "")
    if names_image_file(bundle) and options.get("verify") != "false":
        return (
            f"{name} is not tried before the deployment: its ca_bundle {bundle} is a file of the"
            " functions' image. Write a path relative to the FDL file for a file of this machine."
        )
    address = next((options[key] for key in _ADDRESSES if key in options), "")
    if address and (reason := _find_unreachable(address)):
        return (
            f"{name} is not tried: {address} cannot be reached from this machine ({reason}). Runs"
            " fail if the functions cannot reach it either."
        )
    try:
        return _try_folder(folder, name)
    except (ConfigError, StorageError) as error:
        # The folder tells the user more than the name of the object that was tried in it.
        problem = _TRIED.sub(r"\1", error.problem)
        return f"{name}: {join_sentences(problem, error.remedy, _UNTIL_THEN)}"


def _try_folder(folder: _StoreFolder, name: str) -> str:
    provider = folder.provider
    declared = provider.options.get(CONDITIONAL_WRITES)
    if folder.is_output and provider.kind in ("s3", "minio") and declared != "false":
        if supports_conditions(provider, folder.values, folder.path):
            return ""
        effect = (
            "two runs that write one name at the same moment overwrite each other"
            if declared != "true"
            else "outputs can be overwritten without an error"
        )
        return (
            f"{name} ignores or refuses write conditions (If-None-Match): {effect}. Set"
            f" {CONDITIONAL_WRITES}: false, and give each function an output folder of its own."
        )
    bucket, _, prefix = folder.path.partition("/")
    key = f"{prefix}/{PROBE_NAME}" if prefix else PROBE_NAME
    open_provider(provider, {}, None, lambda: folder.values).head(
        ObjectRef(provider.name, bucket, key)
    )
    return ""


def _find_unreachable(address: str) -> str:
    parts = urlsplit(address)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        with socket.create_connection((parts.hostname or "", port), _CONNECT_TIMEOUT):
            return ""
    except OSError as error:
        return error.strerror or str(error)
