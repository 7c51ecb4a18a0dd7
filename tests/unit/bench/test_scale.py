"""The scale benchmark: every file has one run, whatever is delivered twice or lost."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from bench import scale
from bench.scale import ConditionalStore
from supervisor.errors import PreconditionFailed
from supervisor.model import IfMatch, IfNoneMatch, ObjectRef

if TYPE_CHECKING:
    from collections.abc import Iterator

REF = ObjectRef("s3", "state", "runs/f/claim.json")


@pytest.fixture
def store() -> Iterator[ConditionalStore]:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        yield ConditionalStore(database)


def test_2000_files_have_one_run_each_at_two_requests() -> None:
    result = scale.measure(2000)
    assert result.problems == ()
    assert result.outcomes == {"done": 1998, "taken over": 2, "duplicate": 20}
    contended = 2 * result.outcomes["duplicate"] + 20  # of lost owners and races
    assert sum(result.requests.values()) <= 2 * result.files + 2 * contended
    assert 0 < result.record_bytes < 3000 * result.files


def test_a_run_that_is_claimed_twice_is_a_problem() -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        run = scale.ScaleRun(ConditionalStore(database), scale.rules_of(scale.FUNCTIONS))
        for number in range(100):
            run.handle_file(number)
        assert list(scale.find_problems(run, 100, 0.0)) == []
        run.outcomes["claimed twice"] += 1
        database.execute("DELETE FROM object WHERE key LIKE '%/done.json' LIMIT 1")
        assert [text.partition(":")[0] for text in scale.find_problems(run, 100, 99.0)] == [
            "claimed twice",
            "99 records done of 100 files",
            "the peak memory grew by 99 MB (limit 16)",
        ]


def test_the_store_refuses_what_s3_refuses(store: ConditionalStore) -> None:
    first = store.write(REF, b"1", condition=IfNoneMatch())
    with pytest.raises(PreconditionFailed):
        store.write(REF, b"2", condition=IfNoneMatch())
    second = store.write(REF, b"3", condition=IfMatch(first.etag))
    with pytest.raises(PreconditionFailed):
        store.write(REF, b"4", condition=IfMatch(first.etag))
    found = store.read(REF)
    assert found is not None
    assert (found[0], found[1].etag) == (b"3", second.etag)


def test_the_store_has_its_own_clock(store: ConditionalStore) -> None:
    store.write(REF, b"1")
    store.clock += 10
    found = store.head(REF)
    assert found is not None
    assert found.response_date - found.last_modified == 10
    assert store.head(ObjectRef("s3", "state", "other")) is None
