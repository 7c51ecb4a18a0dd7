"""Notes about ``storage_providers``: secrets in the file, what has no effect, MinIO's events."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from scar.fdl.model import S3Provider
from scar.fdl.scar_words.table import NOT_USED
from scar.fdl.values.addresses import is_unencrypted
from scar.fdl.values.secret_values import SECTION, SecretOrigin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from scar.fdl.model import AwsFunction, FdlDocument, ProviderSpec
    from scar.fdl.problems import Location

_KINDS = ("s3", "minio", "webdav", "onedata")
_IDENTIFIERS = frozenset({"access_key", "login"})  # known to others, and no secret without the rest


def provider_notes(document: FdlDocument, lines: Mapping[Location, str]) -> Iterator[str]:
    """Yield the notes; ``lines`` are the places in the file."""
    providers = document.storage_providers
    folders = [
        item for f in document.functions.aws for item in (*f.lambda_.input, *f.lambda_.output)
    ]
    used = {item.storage_provider for item in folders}
    for kind in _KINDS:
        for name, spec in providers.of_kind(kind).items():
            location: Location = (SECTION, kind, name)
            place = f"{line}: " if (line := lines.get(location)) else ""
            for note in _entry_notes(spec, f"{kind}.{name}" in used):
                yield f"{place}{SECTION}.{kind}.{name}{note}"
    for function in document.functions.aws:
        yield from _webhook_notes(function)


def _entry_notes(spec: ProviderSpec, is_used: bool) -> Iterator[str]:
    if isinstance(spec, S3Provider) and spec.is_account:
        if spec.region:
            yield f".region is {NOT_USED}: see `lambda.region`."
        return
    if not is_used:
        yield f" is {NOT_USED}: no input or output names it."
    literal = [
        key
        for key, value in spec.secrets.items()
        if value.origin is SecretOrigin.FILE and key not in _IDENTIFIERS
    ]
    if literal:
        yield (
            f" has {' and '.join(literal)} in plain text. `scar init` stores secrets encrypted, but"
            " everybody who can read the file reads them there: write ${env:NAME} instead, and set"
            " the variable NAME for `scar init`."
        )
    if spec.options.get("verify") == "false":
        yield (
            ": verify: false lets anybody on the way read data and credentials. ca_bundle names the"
            " certificates of an authority of your own."
        )
    if is_unencrypted(spec.address) and spec.secrets:
        yield (
            f": {spec.address} is not encrypted: credentials and data can be read on the way. Use"
            " https:// unless the network is private."
        )


def _webhook_notes(function: AwsFunction) -> Iterator[str]:
    """Yield what has to be configured in MinIO for the inputs of a function."""
    inputs = [i for i in function.lambda_.input if i.storage_provider.startswith("minio.")]
    name, endpoint = function.lambda_.name, function.api_gateway
    if not inputs:
        return
    if not endpoint.is_used:
        yield (
            f"{name} has no HTTP endpoint, so MinIO's webhook cannot start it: set api_gateway"
            " (type: url, authentication: NONE), or send MinIO's events yourself: `scar invoke"
            f" -n {name} -jd event.json`."
        )
        return
    if endpoint.authentication != "NONE":
        yield (
            f"{name}: MinIO's webhook does not sign requests, which api_gateway.authentication: IAM"
            " requires. Set NONE, and storage_providers.minio.<name>.webhook_token."
        )
        return
    yield (
        f"{name}: MinIO must be configured to send its events. With ALIAS for the server, ADDRESS"
        f" for the endpoint (`scar ls`) and TOKEN for webhook_token: `mc admin config set ALIAS"
        f' notify_webhook:{_target(name)} endpoint=ADDRESS auth_token="Bearer TOKEN"'
        " queue_dir=/var/lib/minio-events`, `mc admin service restart ALIAS`, and"
        + ",".join(
            f" `mc event add ALIAS/{i.bucket} arn:minio:sqs::{_target(name)}:webhook --event put"
            + (f" --prefix {shlex.quote(i.folder)}" if i.folder else "")
            + (f" --suffix {shlex.quote(i.input_suffix)}" if i.input_suffix else "")
            + "`"
            for i in inputs
        )
        + "."
    )


def _target(function: str) -> str:
    """Return the identifier of the webhook in MinIO."""
    return function.replace("-", "_").upper()
