"""Statements for the secrets that the supervisor reads for a script, and for their KMS keys."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from scar.aws.compile.policies.document import PolicyStatement, allow_statement
from supervisor.aws.secret_references import PARAMETER_STORE, SECRETS_MANAGER, parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from scar.aws.compile.policies.data_flow import DataFlow
    from scar.aws.model.account import Account
    from supervisor.aws.secret_references import SecretReference

_ACTIONS = {
    SECRETS_MANAGER: "secretsmanager:GetSecretValue",
    PARAMETER_STORE: "ssm:GetParameters",
}
# The name of the secret or parameter in the encryption context, with which both services encrypt.
# docs: "Secret encryption and decryption in AWS Secrets Manager"; "How AWS Systems Manager
# Parameter Store uses AWS KMS".
_CONTEXT_KEYS = {SECRETS_MANAGER: "SecretARN", PARAMETER_STORE: "PARAMETER_ARN"}
# Secrets Manager ends every ARN with a hyphen and six characters; an ARN may be given without. The
# name of a secret may end in the same way, as in "db-passwd": such an ARN may be either.
_FULL_ARN = re.compile(r".*-[A-Za-z0-9]{6}")


def secret_statements(flow: DataFlow) -> list[PolicyStatement]:
    """Allow to read exactly these secrets, and to decrypt them with a KMS key of the account.

    The key of a secret is not known here: any key may be used, but only by the service and for
    these secrets.
    """
    groups: dict[tuple[str, str], set[str]] = {}
    for text in flow.secrets:
        reference = parse_reference(text)
        key = reference.service, reference.region or flow.account.region
        groups.setdefault(key, set()).update(_arns(reference, flow.account))
    statements = []
    for (service, region), arns in sorted(groups.items()):
        resources = sorted(arns)
        statements.append(allow_statement(_ACTIONS[service], Resource=resources))
        condition = {
            "StringEquals": {"kms:ViaService": f"{service}.{region}.{flow.account.domain}"},
            "StringLike": {f"kms:EncryptionContext:{_CONTEXT_KEYS[service]}": resources},
        }
        keys = f"arn:{flow.account.partition}:kms:{region}:*:key/*"
        statements.append(allow_statement("kms:Decrypt", Resource=keys, Condition=condition))
    return statements


def described_secrets(texts: Iterable[str], account: Account) -> Iterator[str]:
    """Yield the patterns of the ARNs of each reference that is to Secrets Manager."""
    for reference in map(parse_reference, texts):
        if reference.service == SECRETS_MANAGER:
            yield from _arns(reference, account)


def _arns(reference: SecretReference, account: Account) -> tuple[str, ...]:
    """Return the patterns of the ARNs that the reference may have."""
    if reference.service == SECRETS_MANAGER:
        full = (reference.name,) if _FULL_ARN.fullmatch(reference.name) else ()
        return (*full, f"{reference.name}-??????")
    if reference.region:
        return (reference.name,)
    return (account.arn("ssm", f"parameter/{reference.name.removeprefix('/')}"),)
