"""The roles allow to read the secrets that the FDL names, and to decrypt nothing else."""

from __future__ import annotations

import json

from scar.aws.compile import policies
from scar.aws.compile.function_config import data_flow, function_config
from scar.aws.compile.placeholders import compile_with_placeholders
from scar.aws.model.account import Account
from scar.fdl.model import BatchSpec
from supervisor.config import config_to_json, parse_config
from supervisor.model import ExecutionMode, ImageDefaults
from tests.fakes.functions import new_function
from tests.fakes.iam_evaluation import IamRequest, Policy

ACCOUNT = Account("123456789012", "eu-west-1")
FULL = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf"
PARTIAL = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:token"
# The name of the secret ends as a full ARN does.
AMBIGUOUS = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-passwd"
SECRETS = {
    "DB": f"{FULL}:user::",
    "TOKEN": PARTIAL,
    "PASSWORD": AMBIGUOUS,
    "KEY": "ssm:/team/key",
    "PLAIN": "ssm:plain",
}
FUNCTION = new_function(
    image="x", execution_mode=ExecutionMode.BATCH, batch=BatchSpec(), secrets=SECRETS
)
FLOW = data_flow(FUNCTION, ACCOUNT, "scar-1")
ROLES = [Policy.of(policies.lambda_role(FLOW)), Policy.of(policies.job_role(FLOW))]


def allowed(action: str, resource: str, **context: str) -> bool:
    given = {name.replace("__", ":"): value for name, value in context.items()}
    answers = {bool(p.allowing(IamRequest(action, resource, given))) for p in ROLES}
    assert len(answers) == 1
    return answers.pop()


def test_both_roles_may_read_these_secrets_and_no_other() -> None:
    read = "secretsmanager:GetSecretValue"
    assert allowed(read, FULL)
    assert allowed(read, f"{PARTIAL}-AbCdEf")
    assert not allowed(read, f"{PARTIAL}-other-AbCdEf")
    assert allowed(read, f"{AMBIGUOUS}-AbCdEf")
    assert not allowed(read, f"{AMBIGUOUS}-AbCdEf-AbCdEf")
    assert not allowed(read, FULL.replace("us-east-1", "eu-west-1"))
    read = "ssm:GetParameters"
    assert allowed(read, ACCOUNT.arn("ssm", "parameter/team/key"))
    assert allowed(read, ACCOUNT.arn("ssm", "parameter/plain"))
    assert not allowed(read, ACCOUNT.arn("ssm", "parameter/team/key2"))


def test_keys_decrypt_these_secrets_only_and_only_in_their_service() -> None:
    def decrypts(service: str, region: str, **context: str) -> bool:
        key = f"arn:aws:kms:{region}:123456789012:key/1"
        via = {"kms__viaservice": f"{service}.{region}.amazonaws.com"}
        return allowed("kms:Decrypt", key, **via, **context)

    arn = {"kms__encryptioncontext__secretarn": FULL}
    assert decrypts("secretsmanager", "us-east-1", **arn)
    assert not decrypts("secretsmanager", "eu-west-1", **arn)
    assert not decrypts("s3", "us-east-1", **arn)
    named = {"kms__encryptioncontext__secretarn": f"{AMBIGUOUS}-AbCdEf"}
    assert decrypts("secretsmanager", "eu-west-1", **named)
    assert not decrypts("secretsmanager", "us-east-1")
    parameter = ACCOUNT.arn("ssm", "parameter/team/key")
    assert decrypts("ssm", "eu-west-1", kms__encryptioncontext__parameter_arn=parameter)
    assert not decrypts("ssm", "eu-west-1", kms__encryptioncontext__parameter_arn=parameter + "2")


def test_the_configuration_has_references_and_the_definition_nothing() -> None:
    config = function_config(new_function(image="x", secrets=SECRETS), ACCOUNT, ImageDefaults())
    assert config.secrets == SECRETS
    assert parse_config(config_to_json(config)) == config
    for resource in compile_with_placeholders([FUNCTION], ACCOUNT):
        if resource.kind in ("function", "job-definition"):
            assert "team/key" not in str(resource)


def test_without_secrets_the_roles_are_as_before() -> None:
    flow = data_flow(new_function(image="x"), ACCOUNT, "")
    text = json.dumps(json.loads(policies.lambda_role(flow)))
    assert "secretsmanager" not in text
    assert "ssm:" not in text
