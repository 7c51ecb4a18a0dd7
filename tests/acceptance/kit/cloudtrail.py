"""Count the API errors that CloudTrail recorded for the run's users: free, and 15 minutes late."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime as dt

    from tests.acceptance.kit.run import AcceptanceRun

NO_TRAIL = "the local cloud has no CloudTrail"


def record_errors(run: AcceptanceRun, since: dt.datetime) -> None:
    """Append a ``cloudtrail`` entry per service, operation and error code."""
    if not run.is_shown("CloudTrail", reason=NO_TRAIL):
        return
    session = f"acceptance-{run.settings.run}"
    pages = run.target.client("cloudtrail").get_paginator("lookup_events")
    attributes = [{"AttributeKey": "Username", "AttributeValue": session}]
    counts: Counter[tuple[str, str, str]] = Counter()
    for page in pages.paginate(LookupAttributes=attributes, StartTime=since):
        counts.update(_errors(page["Events"]))
    for (service, operation, code), count in sorted(counts.items()):
        run.journal.append(
            "cloudtrail", service=service, operation=operation, code=code, count=count
        )


def _errors(events: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    found = []
    for event in events:
        record = json.loads(event["CloudTrailEvent"])
        if code := record.get("errorCode"):
            service = str(record["eventSource"]).partition(".")[0]
            found.append((service, str(record["eventName"]), str(code)))
    return found
