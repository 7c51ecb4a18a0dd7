"""``scar status`` over 20,000 records in a real store: keys are listed, no object is read."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from contextlib import closing
from typing import TYPE_CHECKING

from scar.runs.ledger import RunLedger
from scar.runs.states import FAILURE_STATES, RunState
from scar.runs.status import StatusQuery, collect_status
from tests.functional.local.s3.test_s3_process import server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BUCKET = "scar-123456789012-us-east-1"
DAY = "2026-11-24"
RECORDS = 20_000
LONG_AGO = 100_000.0


def records() -> Iterator[tuple[str, float]]:
    """Yield keys and their ages in seconds: 4,000 runs done, 1,000 failed, 2,000 lost."""
    for number in range(7_000):
        names: tuple[str, ...] = ("claim",)
        if number < 4_000:
            names = ("claim", "delegated", "attempt-1", "done")
        elif number < 5_000:
            names = ("claim", "error")
        for offset, name in enumerate(names):
            yield f"runs/fn/{DAY}/{number * 7919:032x}/{name}.json", LONG_AGO - offset


def test_20_000_records_are_counted_by_listing_21_pages_at_most(tmp_path: Path) -> None:
    with server(tmp_path) as (_, client):
        client.create_bucket(Bucket=BUCKET)
        client.put_object(Bucket=BUCKET, Key="template", Body=b"{}")
        keys = [(key.encode(), age) for key, age in records()]
        assert len(keys) == RECORDS
        with closing(sqlite3.connect(tmp_path / "s3" / "meta.db")) as db, db:
            db.executemany(
                "INSERT INTO object SELECT bucket, ?, size, etag, modified - ?, meta, files, inline"
                " FROM object WHERE bucket = ? AND key = CAST('template' AS BLOB)",
                [(key, age, BUCKET) for key, age in keys],
            )
        asked: Counter[str] = Counter()

        def count(model: object, **_: object) -> None:
            asked[str(getattr(model, "name", ""))] += 1

        client.meta.events.register("before-call.s3", count)
        query = StatusQuery(jobs={}, recent_states=FAILURE_STATES, limit=100)
        found = collect_status(RunLedger(client, BUCKET), ["fn"], query)
    (function,) = found.functions
    assert function.states == {RunState.DONE: 4_000, RunState.FAILED: 1_000, RunState.LOST: 2_000}
    assert len(found.recent) == 100
    assert asked.keys() == {"ListObjectsV2"}, json.dumps(asked)
    assert asked["ListObjectsV2"] <= RECORDS // 1_000 + 1
