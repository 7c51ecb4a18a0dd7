"""Roles allow exactly the requests that the supervisor makes."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from scar.aws.compile import policies
from scar.aws.compile.policies import BucketFolder, DataFlow
from scar.aws.model.account import Account
from supervisor.model import ExecutionMode, ObjectRef
from supervisor.results import RunOutcome
from tests.fakes.iam_evaluation import IamGrant, IamRequest, Policy
from tests.fakes.supervisor_factory import (
    KILLED,
    STATE,
    PythonScript,
    SupervisorHarness,
    failed_invocation,
    job_invocation,
    lambda_invocation,
    new_failure_handler,
    new_harness,
    notification,
)
from tests.key_texts import FOLDER, KEY_TEXT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from supervisor.invocation import ProcessSpec

ACCOUNT = Account("123456789012", "us-east-1")
FAILURE_HANDLER_ARN = ACCOUNT.arn("lambda", "function:scar-failure-handler")
FLOW = DataFlow(
    account=ACCOUNT,
    function="fn",
    inputs=(BucketFolder("data", "in/"),),
    outputs=(BucketFolder("data", "out/"),),
    queue="scar-1",
    failure_handler=FAILURE_HANDLER_ARN,
)
LAMBDA, JOB = Policy.of(policies.lambda_role(FLOW)), Policy.of(policies.job_role(FLOW))
FAILURE_HANDLER = Policy.of(policies.failure_handler_role(ACCOUNT, "scar-failure-handler"))
IN_ACCOUNT = {"aws:resourceaccount": ACCOUNT.id}
MANAGED = {"aws:resourcetag/scar:managed": "true"}
# The permissions of the store's methods. S3 reports an absent key as such only with
# s3:ListBucket (docs: HeadObject, GetObject); a failed multipart upload is aborted.
ACTIONS = {
    "head": ("s3:GetObject", "s3:ListBucket"),
    "read": ("s3:GetObject", "s3:ListBucket"),
    "find": ("s3:ListBucket",),
    "download": ("s3:GetObject", "s3:GetObjectVersion", "s3:ListBucket"),
    "write": ("s3:PutObject",),
    "upload": ("s3:PutObject", "s3:AbortMultipartUpload"),
}


@dataclass
class RecordingHarness:
    """A supervisor harness that records the IAM permissions of its calls."""

    harness: SupervisorHarness
    requests: list[IamRequest] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.harness.store.before = self._record

    def _record(self, method: str, ref: ObjectRef) -> None:
        bucket = ACCOUNT.s3_arn(ref.bucket)
        for action in ACTIONS[method]:
            on_bucket = action == "s3:ListBucket"
            # Of a missing key: see supervisor.storage.s3_listing.
            context = {"s3:prefix": ref.key, **IN_ACCOUNT} if on_bucket else {}
            resource = bucket if on_bucket else f"{bucket}/{ref.key}"
            self.requests.append(IamRequest(action, resource, context))

    def submitted(self) -> list[IamRequest]:
        """Return the permissions of SubmitJob and DescribeJobs."""
        resources = ("job-definition/fn", "job-definition/fn:3", "job-queue/scar-1")
        return [
            *(IamRequest("batch:SubmitJob", ACCOUNT.arn("batch", r), MANAGED) for r in resources),
            IamRequest("batch:DescribeJobs", "*"),
        ]


def platform(function: str) -> list[IamRequest]:
    """Return the permissions that Lambda itself needs: logs and the on-failure destination."""
    stream = ACCOUNT.arn("logs", f"log-group:/aws/lambda/{function}:log-stream:2026/x")
    log = [IamRequest(f"logs:{action}", stream) for action in ("CreateLogStream", "PutLogEvents")]
    return (
        log
        if function != "fn"
        else [*log, IamRequest("lambda:InvokeFunction", FAILURE_HANDLER_ARN)]
    )


def recording_harness(folder: Path, mode: ExecutionMode, status: int = 0) -> RecordingHarness:
    def script(task: ProcessSpec) -> int:
        (Path(task.environment["TMP_OUTPUT_DIR"]) / "made").write_text("1")
        return status

    return RecordingHarness(new_harness(folder, mode=mode, runner=PythonScript(script)))


def arrive(found: RecordingHarness, *, request: str = "req-1") -> dict[str, object]:
    stored = found.harness.store.put("in/a", b"a")
    # An earlier output: it is looked at after the first write was refused.
    found.harness.store.put("out/made", b"0")
    event = notification("in/a", etag=stored.etag)
    found.harness.supervisor.handle(lambda_invocation(event, request=request))
    return event


def used_grants(policy: Policy, requests: list[IamRequest]) -> set[IamGrant]:
    """Return the grants that the requests use; fail for a denied request."""
    used: set[IamGrant] = set()
    for request in requests:
        grants = policy.allowing(request)
        assert grants, f"denied: {request}"
        used |= grants
    return used


def test_the_lambda_role_allows_every_request_and_has_no_unused_grant(tmp_path: Path) -> None:
    requests: list[IamRequest] = platform("fn")
    for number, (mode, status) in enumerate(
        [
            (ExecutionMode.LAMBDA, 0),
            (ExecutionMode.LAMBDA, 3),
            (ExecutionMode.LAMBDA_BATCH, 137),
            (ExecutionMode.BATCH, 0),
        ]
    ):
        found = recording_harness(tmp_path / str(number), mode, status)
        event = arrive(found)
        found.harness.supervisor.handle(
            lambda_invocation(event)
        )  # a duplicate, or the same request again
        found.harness.supervisor.handle(lambda_invocation(event, request="another"))
        requests += found.requests + found.submitted()
    assert used_grants(LAMBDA, requests) == LAMBDA.grants


def test_the_job_role_allows_every_request_and_has_no_unused_grant(tmp_path: Path) -> None:
    found = recording_harness(tmp_path, ExecutionMode.BATCH)
    arrive(found)
    found.requests.clear()
    (job,) = found.harness.submitter.submitted
    handled = found.harness.supervisor.handle(job_invocation(job, found.harness.store))
    assert [result.state for result in handled.results] == [RunOutcome.DONE]
    assert used_grants(JOB, found.requests) == JOB.grants


def records_with_kms_key(bucket: str) -> list[IamRequest]:
    """Return S3's own calls of KMS for a record of a function with a key in ``lambda.sse``."""
    context = {
        "kms:viaservice": f"s3.{ACCOUNT.region}.amazonaws.com",
        "kms:encryptioncontext:aws:s3:arn": ACCOUNT.s3_arn(f"{bucket}/runs/fn/claim.json"),
    }
    key = ACCOUNT.arn("kms", "key/1")
    return [IamRequest(f"kms:{action}", key, context) for action in ("Decrypt", "GenerateDataKey")]


def test_the_failure_handler_s_role_allows_kms_keys_for_the_state_bucket_only() -> None:
    for request in records_with_kms_key("photos"):
        assert not FAILURE_HANDLER.allowing(request)


def test_the_failure_handler_s_role_allows_every_request_and_has_no_unused_grant(
    tmp_path: Path,
) -> None:
    found = recording_harness(tmp_path, ExecutionMode.LAMBDA_BATCH)
    stored = found.harness.store.put("in/a", b"a")
    event = notification("in/a", etag=stored.etag)
    new_failure_handler(found.harness).handle(failed_invocation(event, KILLED))
    assert found.harness.submitter.submitted
    made = found.requests + found.submitted() + records_with_kms_key(f"scar-{ACCOUNT.id}-us-east-1")
    used = used_grants(FAILURE_HANDLER, made + platform("scar-failure-handler"))
    assert used == FAILURE_HANDLER.grants


@pytest.mark.parametrize(
    "policy", [LAMBDA, JOB, FAILURE_HANDLER], ids=["lambda", "job", "failure handler"]
)
@pytest.mark.parametrize(
    ("action", "key"),
    [
        ("s3:PutObject", "data/in/a"),
        ("s3:PutObject", "data/outside"),
        ("s3:PutObject", "other/out/a"),
        ("s3:DeleteObject", "data/out/a"),
        ("s3:GetObject", "data/secret"),
        ("s3:PutObject", f"{STATE}/locks/deploy"),
        ("s3:PutObject", f"{STATE}/functions/fn.json"),
    ],
)
def test_writing_other_folders_and_reading_other_inputs_is_denied(
    policy: Policy, action: str, key: str
) -> None:
    assert not policy.allowing(IamRequest(action, ACCOUNT.s3_arn(key)))


@pytest.mark.parametrize("policy", [LAMBDA, JOB], ids=["lambda", "job"])
def test_records_of_other_functions_cannot_be_read_or_written(policy: Policy) -> None:
    for action in ("s3:GetObject", "s3:PutObject"):
        for name in ("fn2", "f"):
            key = ACCOUNT.s3_arn(f"{STATE}/runs/{name}/2026-09-21/r/claim.json")
            assert not policy.allowing(IamRequest(action, key))


@pytest.mark.parametrize("prefix", [None, "", "runs", "r"])
@pytest.mark.parametrize("bucket", ["data", STATE])
def test_no_role_may_list_without_a_prefix_of_its_own(bucket: str, prefix: str | None) -> None:
    context = IN_ACCOUNT | ({} if prefix is None else {"s3:prefix": prefix})
    request = IamRequest("s3:ListBucket", ACCOUNT.s3_arn(bucket), context)
    assert not LAMBDA.allowing(request)
    assert not JOB.allowing(request)
    # It looks for inputs of any function, by their keys.
    assert bool(FAILURE_HANDLER.allowing(request)) == bool(prefix)


def test_the_failure_handler_uses_scars_queues_and_lists_this_account_s_buckets_only() -> None:
    for queue, tags in (("scar-1", {}), ("other", MANAGED)):
        arn = ACCOUNT.arn("batch", f"job-queue/{queue}")
        assert not FAILURE_HANDLER.allowing(IamRequest("batch:SubmitJob", arn, tags))
    context = {"s3:prefix": "in/x", "aws:resourceaccount": "210987654321"}
    assert not FAILURE_HANDLER.allowing(
        IamRequest("s3:ListBucket", ACCOUNT.s3_arn("foreign"), context)
    )
    assert not FAILURE_HANDLER.allowing(IamRequest("s3:GetObject", ACCOUNT.s3_arn("data/in/x")))


NAME = st.from_regex(r"[a-z][a-z0-9_-]{0,8}", fullmatch=True)


@given(st.lists(NAME, min_size=2, max_size=2, unique=True), st.booleans())
@example(["fn", "fn2"], True)
@example(["fn", "f"], False)
@example(["a-b", "a"], True)
def test_no_function_s_role_reaches_anything_of_another_function(
    names: list[str], same_bucket: bool
) -> None:
    """Nor through a service: the only function that it may invoke is the failure handler."""
    one, other = (
        DataFlow(
            account=ACCOUNT,
            function=name,
            inputs=(BucketFolder("data" if same_bucket else f"data-{name}", f"{name}/in/"),),
            outputs=(BucketFolder("data" if same_bucket else f"data-{name}", f"{name}/out/"),),
            queue=f"scar-{name}",
            failure_handler=FAILURE_HANDLER_ARN,
        )
        for name in names
    )
    wanted = list(_everything_of(other))
    for text in (policies.lambda_role(one), policies.job_role(one)):
        policy = Policy.of(text)
        assert [str(r) for r in wanted if policy.allowing(r)] == []
        # No action that could lend it another role or change what runs.
        actions = {grant.action.lower() for grant in policy.grants}
        assert not {a for a in actions if a.startswith(("iam:", "sts:", "ecr:", "ecs:", "ssm:"))}
        assert {a for a in actions if a.startswith("lambda:")} <= {"lambda:invokefunction"}
        assert {a for a in actions if a.startswith("batch:")} <= {
            "batch:submitjob",
            "batch:describejobs",
        }
    own = Policy.of(policies.lambda_role(other))
    used_grants(own, [r for r in wanted if r.action in {"s3:GetObject", "batch:SubmitJob"}][:1])


def _everything_of(flow: DataFlow) -> Iterator[IamRequest]:
    name, bucket = flow.function, flow.inputs[0].bucket
    keys = [
        f"{bucket}/{flow.inputs[0].prefix}x",
        f"{bucket}/{flow.outputs[0].prefix}x",
        *(f"{STATE}/runs/{name}/2026-09-21/r/{n}.json" for n in ("claim", "error", "done")),
        f"{STATE}/functions/{name}.json",
        f"{STATE}/locks/deploy",
    ]
    queue = f"job-queue/{flow.queue}"
    for action, resource in (
        *product(("s3:GetObject", "s3:PutObject", "s3:DeleteObject"), map(ACCOUNT.s3_arn, keys)),
        *product(("lambda:InvokeFunction", "lambda:UpdateFunctionCode"), [_function_arn(name)]),
        *product(("iam:PassRole", "sts:AssumeRole"), _role_arns(name)),
        *product(("logs:PutLogEvents", "logs:GetLogEvents"), _log_arns(name)),
    ):
        yield IamRequest(action, resource)
    for key, prefix in product(keys, (None, "", "own")):
        where, _, inside = key.partition("/")
        context = {} if prefix is None else {"s3:prefix": prefix and inside}
        yield IamRequest("s3:ListBucket", ACCOUNT.s3_arn(where), context)
    for on in (f"job-definition/{name}", f"job-definition/{name}:1", queue):
        yield IamRequest("batch:SubmitJob", ACCOUNT.arn("batch", on), MANAGED)


def _function_arn(name: str) -> str:
    return ACCOUNT.arn("lambda", f"function:{name}")


def _role_arns(name: str) -> list[str]:
    return [ACCOUNT.iam_arn(f"role/scar/{name}-us-east-1-{kind}") for kind in ("job", "lambda")]


def _log_arns(name: str) -> list[str]:
    groups = (f"/aws/lambda/{name}", f"/aws/batch/{name}")
    return [ACCOUNT.arn("logs", f"log-group:{group}:log-stream:x") for group in groups]


def test_lambda_cannot_use_other_queues_and_definitions() -> None:
    for resource in ("job-definition/fn2", "job-definition/fn2:1", "job-queue/scar-2"):
        request = IamRequest("batch:SubmitJob", ACCOUNT.arn("batch", resource))
        assert not LAMBDA.allowing(request)
        assert not JOB.allowing(request)


@given(FOLDER, KEY_TEXT, KEY_TEXT)
def test_a_folder_s_name_allows_its_own_keys_only(folder: str, name: str, other: str) -> None:
    """Also if it contains wildcards or variables of IAM."""
    flow = DataFlow(account=ACCOUNT, function="fn", outputs=(BucketFolder("data", f"{folder}/"),))
    policy = Policy.of(policies.job_role(flow))
    assert policies.job_role(flow).isascii()  # IAM takes no character above U+00FF in a document
    for key in (f"{folder}/{name}", other, f"{other}/{name}", folder):
        inside = key.startswith(f"{folder}/")
        written = IamRequest("s3:PutObject", ACCOUNT.s3_arn(f"data/{key}"))
        listed = IamRequest("s3:ListBucket", ACCOUNT.s3_arn("data"), {"s3:prefix": key})
        assert bool(policy.allowing(written)) == inside
        assert bool(policy.allowing(listed)) == inside


@given(KEY_TEXT, KEY_TEXT)
@example("${*}", "*")
@example("a*", "ab")
def test_an_access_point_s_condition_is_literal(point: str, other: str) -> None:
    flow = DataFlow(account=ACCOUNT, function="fn", file_systems=(("arn:fs", point),))
    policy = Policy.of(policies.lambda_role(flow))
    for arn in (point, other):
        context = {"elasticfilesystem:accesspointarn": arn}
        mounted = IamRequest("elasticfilesystem:ClientMount", "arn:fs", context)
        assert bool(policy.allowing(mounted)) == (arn == point)
