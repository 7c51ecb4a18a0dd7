"""The role of jobs that may form clusters, and of callers that start them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from scar.aws.compile import policies
from scar.aws.compile.function_config import data_flow
from scar.aws.compile.policies.scope import account_scope, scope_of
from scar.aws.compile.policies.user_policy import user_policies
from scar.aws.model.account import Account
from tests.fakes.iam_evaluation import IamRequest, Policy
from tests.fakes.iam_request_contexts import required_permissions
from tests.unit.aws.compile.policies.test_role_policies import FLOW
from tests.unit.cluster.cluster_fakes import RecordingBatch, batch_function, new_jobs

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any

ACCOUNT = Account("123456789012", "eu-west-1")
CLUSTER_FLOW = replace(FLOW, account=ACCOUNT, function="grid", queue="scar-1", cluster=True)
JOBS = ACCOUNT.arn("batch", "job/{}")
OWN = {"aws:resourcetag/scar:function": "grid"}


@pytest.fixture
def role() -> Policy:
    return Policy.of(policies.job_role(CLUSTER_FLOW))


def submissions() -> Iterator[Mapping[str, Any]]:
    """Yield the requests that this package really sends."""
    batch = RecordingBatch()
    jobs = new_jobs(batch, queue="scar-1")
    jobs.submit("scheduler", "scheduler", attempts=1)
    jobs.submit("worker-0-abcdef", "worker-0")
    yield from batch.submitted


def test_a_job_may_submit_jobs_of_its_own_function(role: Policy) -> None:
    for request in submissions():
        for needed in required_permissions("batch", "SubmitJob", request):
            assert role.allowing(needed), needed


@pytest.mark.parametrize(
    "change", [{"jobQueue": "scar-2"}, {"jobDefinition": "other"}, {"jobDefinition": "grid-2:1"}]
)
def test_a_job_may_not_submit_others(role: Policy, change: dict[str, str]) -> None:
    request = {**next(submissions()), **change}
    needed = list(required_permissions("batch", "SubmitJob", request))
    assert not all(role.allowing(one) for one in needed)


def test_a_job_may_end_jobs_of_its_own_function_only(role: Policy) -> None:
    def may_end(tags: dict[str, str]) -> bool:
        return bool(role.allowing(IamRequest("batch:TerminateJob", JOBS.format("j-1"), tags)))

    assert may_end(OWN)
    assert not may_end({})
    assert not may_end({"aws:resourcetag/scar:function": "other"})
    other = IamRequest(
        "batch:TagResource", JOBS.format("j-1"), {"aws:requesttag/scar:function": "other"}
    )
    assert not role.allowing(other)
    definition = ACCOUNT.arn("batch", "job-definition/grid")
    assert not role.allowing(
        IamRequest("batch:TagResource", definition, {"aws:requesttag/scar:function": "grid"})
    )


def test_a_job_may_delete_the_keys_of_its_clusters_and_no_record(role: Policy) -> None:
    state = f"arn:aws:s3:::scar-{ACCOUNT.id}-{ACCOUNT.region}"
    for key, allowed in {
        "runs/grid/clusters/night/files/spec.json": True,
        "runs/grid/2026-11-29/r/done.json": False,
        "runs/other/clusters/night/files/spec.json": False,
    }.items():
        assert bool(role.allowing(IamRequest("s3:DeleteObject", f"{state}/{key}"))) is allowed


def test_a_job_may_read_how_jobs_of_its_own_function_are_submitted(role: Policy) -> None:
    state = f"arn:aws:s3:::scar-{ACCOUNT.id}-{ACCOUNT.region}"
    for function in ("grid", "other"):
        request = IamRequest("s3:GetObject", f"{state}/functions/{function}.json")
        assert bool(role.allowing(request)) is (function == "grid")


@pytest.mark.parametrize("is_whole_account", [True, False])
def test_a_caller_may_tag_jobs_as_those_of_the_functions_only(*, is_whole_account: bool) -> None:
    functions = [batch_function("grid", cluster=True), batch_function("plain")]
    scope = account_scope(ACCOUNT) if is_whole_account else scope_of(functions, ACCOUNT)
    documents = [Policy.of(text) for text in user_policies(scope)]

    def may_tag(tags: dict[str, str]) -> bool:
        request = IamRequest("batch:TagResource", JOBS.format("j-1"), tags)
        return any(document.allowing(request) for document in documents)

    assert may_tag({"aws:requesttag/scar:function": "grid"})
    assert may_tag({"aws:requesttag/scar:function": "other"}) is is_whole_account
    assert not may_tag({"aws:requesttag/Owner": "me"})
    assert not may_tag({})


def test_without_the_key_the_role_is_what_it_was() -> None:
    document = json.loads(policies.job_role(replace(CLUSTER_FLOW, cluster=False)))
    assert "batch:" not in json.dumps(document)
    function = batch_function("grid")
    assert not data_flow(function, ACCOUNT, "scar-1").cluster
    assert data_flow(batch_function("grid", cluster=True), ACCOUNT, "scar-1").cluster


@pytest.mark.parametrize("is_whole_account", [True, False])
def test_the_policy_for_callers_allows_to_start_clusters(*, is_whole_account: bool) -> None:
    scope = (
        account_scope(ACCOUNT)
        if is_whole_account
        else scope_of([batch_function("grid", cluster=True)], ACCOUNT)
    )
    documents = [Policy.of(text) for text in user_policies(scope)]
    state = f"arn:aws:s3:::scar-{ACCOUNT.id}-{ACCOUNT.region}"
    requests = [
        needed
        for request in submissions()
        for needed in required_permissions("batch", "SubmitJob", request)
    ]
    requests.append(IamRequest("batch:TerminateJob", JOBS.format("j-1"), OWN))
    requests += [
        IamRequest(action, f"{state}/runs/grid/clusters/night/files/spec.json")
        for action in ("s3:PutObject", "s3:GetObject", "s3:DeleteObject")
    ]
    for request in requests:
        assert any(document.allowing(request) for document in documents), request


def test_the_policy_for_callers_without_clusters_is_what_it_was() -> None:
    plain = "".join(user_policies(scope_of([batch_function("grid")], ACCOUNT)))
    assert "clusters" not in plain
