"""Rules of fair-share scheduling: share identifiers and weights."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.model import limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from scar.fdl.model.batch import BatchSpec
    from scar.fdl.problems import Location

# model: ShareAttributes.shareIdentifier, "limited to 255 alphanumeric characters, and can be
# followed by an asterisk (*)"; SubmitJob has the same sentence, but a job has one share, no prefix.
_SHARE = re.compile(r"[A-Za-z0-9]{1,255}")
_ALPHANUMERIC = "must be up to 255 letters and digits, without hyphens and spaces"


def check_scheduling(batch: BatchSpec, section: Location) -> Iterator[tuple[Location, str]]:
    scheduling, shares = batch.scheduling, batch.compute_resources.shares
    at: Location = (*section, "scheduling")
    if scheduling.share and not _SHARE.fullmatch(scheduling.share):
        yield (*at, "share"), f"{scheduling.share!r} {_ALPHANUMERIC}"
    if scheduling.priority and not scheduling.share:
        yield (*at, "priority"), "has an effect within a share only: set share too"
    if shares and not scheduling.share:
        yield (
            (*section, "compute_resources", "shares"),
            "a job queue with shares takes only jobs of a share: set batch.scheduling.share",
        )
    yield from _check_shares(shares, (*section, "compute_resources", "shares"))


def _check_shares(shares: dict[str, float], at: Location) -> Iterator[tuple[Location, str]]:
    least, most = limits.BATCH_SHARE_WEIGHT
    if not limits.BATCH_SHARES.allows(len(shares)):
        yield at, f"{len(shares)} shares; AWS Batch's limit is {limits.BATCH_SHARES.maximum}"
    for name, weight in shares.items():
        if not _SHARE.fullmatch(name.removesuffix("*")):
            yield (*at, name), f"{_ALPHANUMERIC}; `*` at the end makes it a prefix"
        if not least <= weight <= most:
            yield (*at, name), f"the weight must be between {least} and {most}"
        if other := _find_overlap(name, [o for o in shares if o != name]):
            yield (*at, name), f"overlaps with {other}: a share must match one entry only"


def _find_overlap(name: str, others: Sequence[str]) -> str:
    """Return another entry that is, or contains, a share of this prefix; empty if none is."""
    if not name.endswith("*"):
        return ""
    return next((o for o in others if o.startswith(name.removesuffix("*"))), "")
