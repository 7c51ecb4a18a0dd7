"""Rules of inputs and outputs: providers, encryption, filters, outputs that start the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.fdl.rules.loops import describe_self_trigger, find_self_trigger
from scar.fdl.rules.providers import check_named_store, check_provider, check_servers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.model import AwsFunction, LambdaSpec, StorageProviders, StorageSpec
    from scar.fdl.problems import Location

LocatedProblem = tuple["Location", str]


def check_storage(
    function: AwsFunction, location: Location, providers: StorageProviders
) -> Iterator[LocatedProblem]:
    spec = function.lambda_
    yield from _check_encryption(spec, (*location, "lambda"), providers)
    yield from check_servers(spec, (*location, "lambda"), providers)
    for kind, storages in (("input", spec.input), ("output", spec.output)):
        for number, storage in enumerate(storages):
            section: Location = (*location, "lambda", kind, number)
            yield from check_provider(kind, storage, section)
            yield from check_named_store(function, kind, storage, section, providers)
            if kind == "input" and storage.prefix:
                yield (
                    (*section, "prefix"),
                    "is not supported for inputs: their prefix is the folder in path",
                )
            if kind == "input" and len(storage.suffix) > 1:
                yield (
                    (*section, "suffix"),
                    "an input can have only one suffix: S3 filters events by one",
                )
            if kind == "output" and (source := find_self_trigger(spec, storage, providers)):
                yield (
                    (*section, "path"),
                    (
                        f"{describe_self_trigger(storage, source)}; choose another folder, or"
                        " prefixes or suffixes that exclude it; allow_loop: true allows the loop"
                    ),
                )


def _check_encryption(
    spec: LambdaSpec, section: Location, providers: StorageProviders
) -> Iterator[LocatedProblem]:
    """Check that KMS keys have a KMS algorithm, and that the entries of a bucket agree."""
    entries: list[tuple[Location, LambdaSpec | StorageSpec]] = [(section, spec)]
    by_bucket: dict[tuple[str, str], tuple[str, str]] = {}
    for kind, storages in (("input", spec.input), ("output", spec.output)):
        for number, storage in enumerate(storages):
            at: Location = (*section, kind, number)
            entries.append((at, storage))
            chosen = storage.sse, storage.sse_kms_key_id
            bucket = providers.store_of(storage), storage.bucket
            if storage.sse and by_bucket.setdefault(bucket, chosen) != chosen:
                yield (
                    (*at, "sse"),
                    f"differs from that of another entry of the bucket {storage.bucket}",
                )
    for at, entry in entries:
        if entry.sse_kms_key_id and not entry.sse.startswith("aws:kms"):
            yield (*at, "sse_kms_key_id"), "requires sse: aws:kms or aws:kms:dsse beside it"
