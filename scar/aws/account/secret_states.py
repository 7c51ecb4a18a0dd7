"""Find secrets of functions that do not exist. No value is read: the calls return none.

A secret that cannot be looked up counts as existing: the caller may not describe it, or it is in
another Region or account. The functions' roles, not the caller, need access to it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.client import errors
from supervisor.aws.secret_references import PARAMETER_STORE, parse_reference

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.account import Account
    from scar.aws.model.function import Function
    from supervisor.aws.secret_references import SecretReference

_MAX_NAMES = 50  # of a filter of DescribeParameters (model: ParameterStringFilterValueList)


def find_missing_secrets(
    connection: AwsConnection, functions: Sequence[Function]
) -> frozenset[str]:
    """Return the references of the functions for which there is no secret or parameter."""
    texts = {text for f in functions for text in f.secret_references}
    if not texts:
        return frozenset()
    references = {text: parse_reference(text) for text in sorted(texts)}
    account = connection.account
    near = {text: r for text, r in references.items() if _is_here(r, account)}
    parameters = {
        text: _parameter_names(r) for text, r in near.items() if r.service == PARAMETER_STORE
    }
    return frozenset(
        (
            *_missing_parameters(connection, parameters),
            *(
                text
                for text, r in near.items()
                if r.service != PARAMETER_STORE and _is_secret_missing(connection, r.name)
            ),
        )
    )


def _is_here(reference: SecretReference, account: Account) -> bool:
    """Return whether the reference is to the account's Region, as names of parameters are."""
    return not reference.region or (
        reference.region == account.region and f":{account.id}:" in reference.name
    )


def _parameter_names(reference: SecretReference) -> tuple[str, ...]:
    """Return the names that the parameter may have: its ARN is without a slash at the beginning."""
    if not reference.region:
        return (reference.name,)
    path = reference.name.partition(":parameter/")[2]
    return (path, f"/{path}")


def _missing_parameters(
    connection: AwsConnection, parameters: Mapping[str, tuple[str, ...]]
) -> Iterator[str]:
    names = sorted({name for each in parameters.values() for name in each})
    if not names:
        return
    try:
        found = {
            name
            for start in range(0, len(names), _MAX_NAMES)
            for name in _list_parameters(connection, names[start : start + _MAX_NAMES])
        }
    except errors.SDK_ERRORS:
        return
    yield from (text for text, each in parameters.items() if found.isdisjoint(each))


def _list_parameters(connection: AwsConnection, names: Sequence[str]) -> Iterator[str]:
    filters = [{"Key": "Name", "Option": "Equals", "Values": [*names]}]
    pages = connection.client("ssm").get_paginator("describe_parameters")
    for page in pages.paginate(ParameterFilters=filters):
        yield from (parameter["Name"] for parameter in page["Parameters"])


def _is_secret_missing(connection: AwsConnection, arn: str) -> bool:
    try:
        connection.client("secretsmanager").describe_secret(SecretId=arn)
    except errors.SDK_ERRORS as error:
        return errors.error_code(error) == "ResourceNotFoundException"
    return False
