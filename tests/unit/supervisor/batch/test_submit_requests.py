"""Every SubmitJob that the supervisor builds is valid for botocore's model and AWS's rules."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

import botocore.session
import pytest
from botocore.validate import ParamValidator
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.requests.rules.batch.jobs import check_submit_job
from scar.aws.requests.rules.batch.nodes import overrides_of
from scar.aws.requests.rules.constraints import get_structures
from supervisor.batch.job_request import build_job_request
from supervisor.batch.submit_parameters import build_submit_parameters
from supervisor.batch.submitter import BatchSubmitter
from supervisor.errors import SubmissionError
from supervisor.invocation import RunPath
from supervisor.job_model import BatchTarget, JobOptions, NodeGroup
from supervisor.model import ObjectRef

if TYPE_CHECKING:
    from supervisor.aws.client import AwsClient
    from supervisor.aws.request import Origin

MODEL = botocore.session.get_session().get_service_model("batch").operation_model("SubmitJob")
RULES: tuple[dict[str, str], ...] = (
    {"action": "RETRY", "onStatusReason": "Host EC2*"},
    {"action": "EXIT", "onReason": "*"},
)
TARGET = BatchTarget(
    queue="scar-1",
    definition="fn",
    queues={"default": "scar-1", "priority": "scar-1-p"},
    exit_rules=RULES,
)
RUN = RunPath(function="fn", date="2026-01-01", run_id="0" * 32)
options = st.builds(
    JobOptions,
    vcpus=st.sampled_from(["", "0.25", "1", "96"]),
    memory=st.sampled_from([0, 4, 512, 900_000]),
    gpus=st.integers(0, 16),
    timeout=st.sampled_from([0, 60, 172_800]),
    attempts=st.integers(0, 10),
    queue=st.sampled_from(["", "default", "priority"]),
    nodes=st.sampled_from([0, 2, 100]),
)


def body_of(requested: JobOptions | None) -> dict[str, Any]:
    nodes = NodeGroup(count=2) if requested and requested.nodes else None
    job = build_job_request(RUN, "q", "{}", lambda _: ObjectRef("s3", "b", "k"), requested)
    submitter = BatchSubmitter(
        cast("AwsClient", None), cast("Origin", None), replace(TARGET, nodes=nodes)
    )
    sent = cast("bytes", submitter._build_submit_request(job).body)
    body: dict[str, Any] = json.loads(sent)
    return body


@given(options)
def test_any_options_make_a_valid_request(requested: JobOptions) -> None:
    body = body_of(requested)
    shape = MODEL.input_shape
    assert shape is not None
    assert not ParamValidator().validate(body, shape).has_errors()
    assert list(check_submit_job(body)) == []
    (overrides,) = (found for found in overrides_of(body) if found)
    requirements = get_structures(overrides, "resourceRequirements")
    sent = {str(r.get("type")): r.get("value") for r in requirements}
    assert body.get("nodeOverrides", {}).get("numNodes", 0) == requested.nodes
    assert sent.get("MEMORY", "") == str(requested.memory or "")
    assert sent.get("GPU", "") == str(requested.gpus or "")
    assert body["jobQueue"] == ("scar-1-p" if requested.queue == "priority" else "scar-1")
    assert ("timeout" in body) == bool(requested.timeout)
    # Without its rules, Batch would repeat scripts that failed.
    strategy = {"attempts": requested.attempts, "evaluateOnExit": list(RULES)}
    assert body.get("retryStrategy") == (strategy if requested.attempts else None)


def test_nodes_of_a_definition_for_one_container_are_refused() -> None:
    job = build_job_request(
        RUN, "q", "{}", lambda _: ObjectRef("s3", "b", "k"), JobOptions(nodes=2)
    )
    with pytest.raises(SubmissionError, match="cannot have 2 nodes"):
        build_submit_parameters(TARGET, job)


def test_without_options_the_request_is_as_small_as_it_was() -> None:
    body = body_of(None)
    assert body.keys() == {"jobName", "jobQueue", "jobDefinition", "containerOverrides"}
    assert body["containerOverrides"].keys() == {"environment"}


def test_less_memory_than_batch_takes_is_a_broken_rule() -> None:
    for value in ("3", "many"):
        overrides = {"resourceRequirements": [{"type": "MEMORY", "value": value}]}
        (broken,) = check_submit_job({"jobName": "a", "containerOverrides": overrides})
        assert "4 MiB" in str(broken)
