"""The rules of ``lambda.tags``: those of AWS, for each resource that gets them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.aws.model.tags import OWN_PREFIX, RESERVED, is_tag_text
from scar.fdl.model import NO_PROVIDERS, StorageProviders

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.model import LambdaSpec
    from scar.fdl.problems import Location

# Tags of a function by which scar finds it: its name, mode, image and queue, and one per bucket;
# one more if it has stores with stored secrets, and one for each input on another store.
_OWN_TAGS = 4


def check_tags(
    spec: LambdaSpec, section: Location, providers: StorageProviders = NO_PROVIDERS
) -> Iterator[tuple[Location, str]]:
    """Yield the location and message of each tag that AWS would refuse."""
    where: Location = (*section, "tags")
    storages = (*spec.input, *spec.output)
    buckets = {item.bucket for item in storages if providers.is_account_s3(item)}
    others = [item for item in spec.input if not providers.is_account_s3(item)]
    own_tags = _OWN_TAGS + bool(providers.used_by(storages)) + len(others)
    most = limits.TAGS.maximum - own_tags - len(buckets)
    if len(spec.tags) > most:
        yield (
            where,
            (
                f"{len(spec.tags)} tags; a resource can have {limits.TAGS.maximum}, of which scar"
                f" needs {limits.TAGS.maximum - most}: remove {len(spec.tags) - most}"
            ),
        )
    earlier: dict[str, str] = {}
    for key, value in spec.tags.items():
        if problem := _tag_problem(key, value):
            yield (*where, key), problem
        # docs: IAM, "Tags for IAM resources": case is preserved, but does not make another key.
        other = earlier.setdefault(key.lower(), key)
        if other != key:
            yield (
                (*where, key),
                f"differs from {other} in case only, which IAM does not distinguish: omit one",
            )


def _tag_problem(key: str, value: str) -> str:
    for text, what, limit in (
        (key, "a key", limits.TAG_KEY),
        (value, "a value", limits.TAG_VALUE),
    ):
        if not limit.allows(len(text)):
            return f"{what} has {limit.minimum} to {limit.maximum} characters, not {len(text)}"
        if not is_tag_text(text):
            return f"{what} contains letters, digits, spaces and _ . : / = + - @ only: {text!r}"
    for prefix, owner in ((RESERVED, "AWS"), (OWN_PREFIX, "scar")):
        if key.lower().startswith(prefix):
            return f"keys that begin with {prefix} are reserved for {owner}"
    return ""
