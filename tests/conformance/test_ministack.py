"""ministack as a second opinion: it shares no code with moto, and neither knows scar.

A function of mode ``lambda`` is deployed, used and removed with scar's commands. ``OUTCOMES``
lists where an emulator differs from AWS: a difference that ends or a new one fails.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from scar.aws.client.connection import AwsConnection
from scar.cli.main import run
from tests.conformance.emulator_probes import ACCEPTED, PROBES
from tests.conformance.ministack_server import ministack, run_guarded
from tests.fakes.moto_compat import add_default_resources, new_session
from tests.fakes.moto_locking import mock_account
from tests.functional.aws.support.command_replay import OneAccountServices, batch_spec, function
from tests.functional.aws.support.moto_account import SERVICES

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.conformance.ministack_server import MinistackServer

pytestmark = pytest.mark.long


@dataclass(frozen=True, slots=True)
class Outcome:
    """What AWS answers by ``source``, and what an emulator answers instead, with the reason."""

    aws: str
    source: str
    moto: str = ""
    ministack: str = ""
    reason: str = ""


OUTCOMES: dict[str, Outcome] = {
    "absent_event_invoke_config": Outcome("ResourceNotFoundException", "model"),
    "absent_failure_destination": Outcome(
        "InvalidParameterValueException",
        "docs: PutFunctionEventInvokeConfig",
        moto=ACCEPTED,
        ministack=ACCEPTED,
        reason="neither looks up destinations",
    ),
    "bucket_of_another_owner": Outcome(
        "403",
        "docs: bucket owner condition",
        moto=ACCEPTED,
        ministack=ACCEPTED,
        reason="neither implements ExpectedBucketOwner; the local cloud does",
    ),
    "bucket_with_an_underscore": Outcome(
        "InvalidBucketName",
        "docs: bucket naming rules",
        moto=ACCEPTED,
        reason="moto checks the length only; scar's own rules and the local cloud refuse it",
    ),
    "date_of_a_response": Outcome(
        "True",
        "docs: common response headers",
        moto="False",
        reason="moto sets the header only behind its server",
    ),
    "default_vpc_has_a_route_out": Outcome(
        "True",
        "docs: default VPC components",
        moto="False",
        ministack="False",
        reason="the main route table has only the local route",
    ),
    "deregistration": Outcome(
        ACCEPTED, "model", ministack="InvalidAction", reason="the operation is missing"
    ),
    "encryption_of_a_new_bucket": Outcome(
        "AES256",
        "docs: default encryption since 2023-01",
        moto="ServerSideEncryptionConfigurationNotFoundError",
        reason="moto has S3's behaviour before 2023",
    ),
    "function_made_twice": Outcome("ResourceConflictException", "model"),
    "function_of_an_absent_role": Outcome(
        "InvalidParameterValueException",
        "observed: 'The role defined for the function cannot be assumed'",
        ministack=ACCEPTED,
        reason="roles are not looked up",
    ),
    "job_definition_platforms": Outcome(
        '["EC2"]', "model", ministack="null", reason="the field is dropped"
    ),
    "job_definition_retry_strategy": Outcome(
        "3", "model", ministack="None", reason="the field is dropped"
    ),
    "job_definition_timeout": Outcome(
        '{"attemptDurationSeconds": 60}', "model", ministack="null", reason="the field is dropped"
    ),
    "job_in_an_absent_queue": Outcome(
        "ClientException", "model", ministack=ACCEPTED, reason="queues are not looked up"
    ),
    "key_of_1025_bytes": Outcome(
        "KeyTooLongError",
        "docs: S3 error responses",
        moto=ACCEPTED,
        ministack=ACCEPTED,
        reason="neither limits keys; the local cloud does",
    ),
    "last_modified_is_now": Outcome("True", "model"),
    "malformed_repository_policy": Outcome(
        "InvalidParameterException", "model", ministack=ACCEPTED, reason="any text is stored"
    ),
    "malformed_role_policy": Outcome("MalformedPolicyDocument", "model"),
    "metadata_of_3_kib": Outcome(
        "MetadataTooLarge",
        "docs: S3 error responses",
        moto=ACCEPTED,
        ministack=ACCEPTED,
        reason="neither limits metadata; the local cloud does",
    ),
    "overlapping_rules": Outcome(
        "InvalidArgument",
        "docs: notification filtering",
        moto=ACCEPTED,
        ministack=ACCEPTED,
        reason="neither compares the rules of a bucket; the local cloud does",
    ),
    "policy_of_an_absent_role": Outcome("NoSuchEntity", "model"),
    "public_access_block_of_a_new_bucket": Outcome(
        ACCEPTED,
        "docs: blocked by default since 2023-04",
        moto="NoSuchPublicAccessBlockConfiguration",
        ministack="NoSuchPublicAccessBlockConfiguration",
        reason="both have S3's behaviour before 2023",
    ),
    "recreated_log_group": Outcome("ResourceAlreadyExistsException", "model"),
    "retention_of_two_days": Outcome(
        "InvalidParameterException",
        "model: RetentionInDays",
        moto=ACCEPTED,
        reason="moto stores any number of days; scar's own rules refuse them",
    ),
    "rule_of_an_absent_function": Outcome(
        "InvalidArgument",
        "observed: 'Unable to validate the following destination configurations'",
        moto=ACCEPTED,
        ministack=ACCEPTED,
        reason="neither looks up destinations; the local cloud does",
    ),
    "second_conditional_write": Outcome("PreconditionFailed", "docs: conditional writes"),
    "state_of_a_new_function": Outcome(
        "Pending",
        "docs: Lambda function states",
        moto="Active",
        reason="moto has no states; ministack changes to Active after a moment",
    ),
    "too_much_lambda_memory": Outcome(
        "ValidationException",
        "model: MemorySize",
        moto=ACCEPTED,
        ministack=ACCEPTED,
        reason="neither checks ranges; scar's own rules refuse the number",
    ),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MinistackServer]:
    with ministack(tmp_path_factory.mktemp("ministack")) as running:
        yield running


@pytest.fixture
def connection(server: MinistackServer) -> AwsConnection:
    return AwsConnection(session=new_session(), endpoint_url=server.url)


@dataclass(frozen=True, slots=True)
class CommandLine:
    """Scar's commands against ministack, with an FDL file; images are only digests."""

    folder: Path
    services: OneAccountServices
    capsys: pytest.CaptureFixture[str]

    def write_fdl(self, *functions: dict[str, Any]) -> None:
        (self.folder / "functions.yaml").write_text(json.dumps({"functions": {"aws": functions}}))

    def run(self, *arguments: str, status: int = 0) -> str:
        """Run a command, FILE being the FDL file; return stdout and stderr."""
        file = str(self.folder / "functions.yaml")
        exit_code = run([file if word == "FILE" else word for word in arguments], self.services)
        output, errors = self.capsys.readouterr()
        assert exit_code == status, errors
        return output + errors


@pytest.fixture
def scar(
    connection: AwsConnection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> CommandLine:
    return CommandLine(tmp_path, OneAccountServices({}, connection), capsys)


def test_a_function_is_planned_deployed_used_and_removed(scar: CommandLine) -> None:
    photos: dict[str, Any] = {
        "input": [{"path": "second-photos/in"}],
        "output": [{"path": "second-photos/out"}],
    }
    scar.write_fdl(function(tags={"project": "x"}, concurrency=1, **photos))
    assert "to create" in scar.run("plan", "-f", "FILE")
    assert "Ready: crop" in scar.run("init", "-f", "FILE")
    assert '"changes": []' in scar.run("plan", "-f", "FILE", "-j")
    assert "Already up to date: crop" in scar.run("init", "-f", "FILE")
    photo = scar.folder / "a b.txt"
    photo.write_text("a photo")
    scar.run("put", "-b", "second-photos/in", "-p", str(photo))
    assert "second-photos/in" in scar.run("ls")
    assert "a b.txt" in scar.run("ls", "-b", "second-photos/in")
    scar.run("get", "-b", "second-photos/in", "-p", str(scar.folder / "back"))
    assert (scar.folder / "back" / "a b.txt").read_text() == "a photo"
    assert "crop" in scar.run("status")
    assert "Removed: crop" in scar.run("rm", "-f", "FILE")
    assert "No functions" in scar.run("ls")
    assert "There is nothing to remove." in scar.run("rm", "-f", "FILE")


@pytest.fixture
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AwsConnection]:
    """Connect to a server that no other test sees: what is deployed there cannot be removed."""
    with ministack(tmp_path_factory.mktemp("ministack")) as running:
        yield AwsConnection(session=new_session(), endpoint_url=running.url)


def test_what_init_changes_again_is_what_ministack_forgets(
    own_server: AwsConnection, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    add_default_resources(own_server)
    scar = CommandLine(tmp_path, OneAccountServices({}, own_server), capsys)
    scar.write_fdl(function("batch", name="jobs", batch=batch_spec("FARGATE")))
    scar.run("init", "-f", "FILE")
    planned = scar.run("plan", "-f", "FILE", "-j")
    changes = json.loads(planned[planned.index("{") : planned.rindex("}") + 1])["changes"]
    assert {c["kind"]: {field["name"] for field in c["changed"]} for c in changes} == {
        "job-definition": {"attempts", "platform", "retry_rules", "timeout"},
        "job-queue": {"time_limits"},
    }
    # Deregistration is missing: see OUTCOMES.
    assert "DeregisterJobDefinition" in scar.run("rm", "-f", "FILE", status=5)


@pytest.mark.parametrize("name", sorted(PROBES))
def test_moto_differs_from_aws_only_as_listed(name: str) -> None:
    with mock_account(*SERVICES):
        found = PROBES[name](AwsConnection(session=new_session()))
    outcome = OUTCOMES[name]
    assert found == (outcome.moto or outcome.aws)


@pytest.mark.parametrize("name", sorted(PROBES))
def test_ministack_differs_from_aws_only_as_listed(name: str, connection: AwsConnection) -> None:
    found = PROBES[name](connection)
    outcome = OUTCOMES[name]
    assert found == (outcome.ministack or outcome.aws)


def test_every_difference_is_real_and_has_a_reason() -> None:
    assert OUTCOMES.keys() == PROBES.keys()
    for name, outcome in OUTCOMES.items():
        differences = {outcome.moto, outcome.ministack} - {""}
        assert outcome.aws not in differences, name
        assert bool(differences) == bool(outcome.reason), name


def test_ministack_makes_no_connection_beyond_this_machine(
    server: MinistackServer, connection: AwsConnection
) -> None:
    connection.client("s3").list_buckets()
    assert server.outside_connections == []


def test_the_guard_refuses_connections_beyond_this_machine() -> None:
    for use, event in (
        ("socket.create_connection(('192.0.2.1', 9), 1)", "socket."),
        ("socket.getaddrinfo('example.org', 80)", "socket.getaddrinfo example.org"),
    ):
        done = run_guarded(f"import socket\n{use}\n")
        assert f"outside connection refused: {event}" in done.stderr
        assert "loopback only" in done.stderr
        assert done.returncode == 1
