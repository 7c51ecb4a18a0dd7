"""``batch.enable_execute_command``: the job definition and the role of jobs."""

from __future__ import annotations

import json
from typing import Any

from scar.aws.compile.batch.job_definitions import compile_job_definition
from scar.aws.compile.policies import DataFlow, job_role
from scar.aws.handlers.batch.job_definitions import parse_job_definition
from scar.aws.model.account import Account
from scar.aws.model.network import VpcNetwork
from scar.aws.requests.batch_requests import register_definition_request
from scar.fdl.model import BatchSpec
from supervisor.model import ExecutionMode
from tests.fakes.functions import changed, new_function

NETWORK = VpcNetwork(subnets=("subnet-1",), security_groups=("sg-1",))
ACCOUNT = Account("123456789012", "eu-west-1")
BATCH = changed(
    new_function(name="crop", image="x"), execution_mode=ExecutionMode.BATCH, batch=BatchSpec()
)


def container(batch: BatchSpec) -> dict[str, Any]:
    resource = compile_job_definition(changed(BATCH, batch=batch), ACCOUNT, "sha256:1", NETWORK, {})
    request: Any = register_definition_request(resource, ACCOUNT.region)
    assert parse_job_definition(request).execute_command == batch.enable_execute_command
    found: dict[str, Any] = request["containerProperties"]
    return found


def test_the_definition_has_the_field_only_if_the_key_is_true() -> None:
    assert container(BatchSpec(enable_execute_command=True))["enableExecuteCommand"] is True
    assert "enableExecuteCommand" not in container(BatchSpec())


def test_the_job_s_role_may_open_the_channels_of_a_session_only_with_the_key() -> None:
    flow = DataFlow(account=ACCOUNT, function="crop")
    added = [
        statement
        for statement in json.loads(job_role(flow, execute_command=True))["Statement"]
        if statement not in json.loads(job_role(flow))["Statement"]
    ]
    (statement,) = added
    assert statement["Resource"] == "*"
    assert statement["Action"] == [
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    ]
