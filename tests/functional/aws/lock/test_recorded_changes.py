"""The end of a change is recorded without reading the record again, unless others have written."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from scar.aws.deploy.applied_record import AppliedRecords
from scar.aws.deploy.recorded_changes import RecordedChanges

if TYPE_CHECKING:
    from botocore.model import OperationModel

    from scar.aws.client.connection import AwsConnection


@pytest.fixture
def records(connection: AwsConnection) -> AppliedRecords:
    s3 = connection.client("s3")
    s3.create_bucket(Bucket="state", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    return AppliedRecords(s3, "state")


def test_an_undisturbed_change_reads_nothing(records: AppliedRecords) -> None:
    calls: Counter[str] = Counter()

    def note(model: OperationModel, **_: object) -> None:
        calls[model.name] += 1

    observed = records.read()
    records.s3.meta.events.register("before-call", note)
    with RecordedChanges(records, ["crop"], observed) as recorded:
        recorded.require_begun()
        recorded.finish("digest", "generation", observed)
    assert calls == {"PutObject": 2}
    (applied,) = records.read().applied
    assert (applied.digest, applied.functions) == ("digest", ("crop",))


@pytest.mark.parametrize("ends", [False, True], ids=["still running", "ended"])
@pytest.mark.parametrize("other", ["crop", "cut"])
def test_what_others_write_meanwhile_counts(
    records: AppliedRecords, other: str, *, ends: bool
) -> None:
    observed = records.read()
    with RecordedChanges(records, ["crop"], observed) as recorded:
        recorded.require_begun()
        records.begin("other", [other], records.read())
        if ends:
            records.end("other", [other], records.read(), None)
        recorded.finish("digest", "generation", observed)
    found = records.read()
    assert len(found.applied) == (other != "crop")
    assert {c.owner: c.has_ended for c in found.changes}["other"] is ends


def test_a_beginning_that_failed_is_read_again(records: AppliedRecords) -> None:
    """The write may have been accepted although its response was an error."""

    def fail(**_: object) -> None:
        records.s3.meta.events.unregister("after-call.s3.PutObject", fail)
        raise OSError("cut off")

    records.s3.meta.events.register("after-call.s3.PutObject", fail)
    recorded = RecordedChanges(records, ["crop"], records.read())
    with recorded, pytest.raises(OSError, match="cut off"):
        recorded.require_begun()
    (change,) = records.read().changes
    assert change.has_ended
