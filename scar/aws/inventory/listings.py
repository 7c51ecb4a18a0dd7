"""Ask once for all functions: which of their possible resources exist.

Most functions have only a part of what a function may have. Of kinds that are listed by one
request, what the list does not show is not read. AWS's lists may lag behind creations, so desired
resources are read one by one, apart from repositories: the list has all that a read returns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from scar.aws.client.errors import UnmanagedResourceError, error_code, translate_errors
from scar.aws.handlers.ecr import EcrRepositoryHandler
from scar.aws.inventory.batch_infrastructure import list_job_definitions
from scar.aws.inventory.functions import list_role_names
from scar.aws.model import names
from scar.aws.model.resources import EcrRepository, JobDefinition, LogGroup, Role
from scar.errors import ScarError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from concurrent.futures import Future, ThreadPoolExecutor

    from mypy_boto3_ecr.type_defs import RepositoryTypeDef

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.resources import Resource, ResourceKey

_ACCESS_DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException"})
_BATCH_LOG_GROUPS = names.batch_log_group("")


def list_repositories(connection: AwsConnection) -> Mapping[str, RepositoryTypeDef]:
    """Return all repositories of the account by name; raise ScarError."""
    pages = connection.client("ecr").get_paginator("describe_repositories")
    with translate_errors("list the container repositories"):
        listed = pages.paginate(PaginationConfig={"PageSize": 1000})
        return {r.get("repositoryName", ""): r for page in listed for r in page["repositories"]}


def read_repositories(
    pool: ThreadPoolExecutor,
    connection: AwsConnection,
    listed: Mapping[str, RepositoryTypeDef],
    functions: Collection[str],
    requested: Mapping[ResourceKey, Resource],
) -> dict[ResourceKey, Resource]:
    """Read the desired repositories, and the functions' repositories under any prefix.

    Raise UnmanagedResourceError if scar did not create a desired one.
    """
    ends = {names.repository_name(name).rpartition("/")[2] for name in functions}
    handler = EcrRepositoryHandler(connection.client("ecr"))
    desired = {r.name: r for r in requested.values() if isinstance(r, EcrRepository)}

    def read(name: str) -> EcrRepository | None:
        resource = desired.get(name, EcrRepository(name=name))
        try:
            with translate_errors(f"read {resource.key}", connection.principal):
                found = handler.read_described(resource, listed[name])
        except UnmanagedResourceError:
            if name in desired:
                raise
            return None
        is_own = name in desired or dict(found.tags).get(names.FUNCTION_TAG) in functions
        return found if is_own else None

    candidates = [n for n in listed if n in desired or n.rpartition("/")[2] in ends]
    return {r.key: r for r in pool.map(read, candidates) if r is not None}


def select_listed(
    pool: ThreadPoolExecutor, connection: AwsConnection, candidates: Collection[Resource]
) -> Iterator[Resource]:
    """Yield the candidates without those that lists show not to exist; raise ScarError.

    A kind with a single candidate is not listed: to read it is one request, too. So it is yielded
    before the lists are there.
    """
    kinds: tuple[tuple[Callable[[Resource], bool], Callable[[AwsConnection], set[str]]], ...] = (
        (lambda r: isinstance(r, Role), list_role_names),
        (lambda r: isinstance(r, JobDefinition), _list_definition_names),
        (_is_batch_log_group, _list_batch_log_groups),
    )
    pending: list[tuple[list[Resource], Future[set[str] | None]]] = []
    for belongs, list_names in kinds:
        if len(of_kind := [r for r in candidates if belongs(r)]) > 1:
            pending.append((of_kind, pool.submit(_unless_denied, list_names, connection)))
    listed = {r.key for of_kind, _ in pending for r in of_kind}
    yield from (r for r in candidates if r.key not in listed)
    for of_kind, future in pending:
        existing = future.result()
        yield from (r for r in of_kind if existing is None or r.name in existing)


def _unless_denied(
    list_names: Callable[[AwsConnection], set[str]], connection: AwsConnection
) -> set[str] | None:
    """Return the names; None if the caller may not list them."""
    try:
        return list_names(connection)
    except ScarError as error:
        cause = error.__cause__
        if isinstance(cause, ClientError) and error_code(cause) in _ACCESS_DENIED_CODES:
            return None
        raise


def _is_batch_log_group(resource: Resource) -> bool:
    return isinstance(resource, LogGroup) and resource.name.startswith(_BATCH_LOG_GROUPS)


def _list_definition_names(connection: AwsConnection) -> set[str]:
    return {definition.name for definition in list_job_definitions(connection)}


def _list_batch_log_groups(connection: AwsConnection) -> set[str]:
    pages = connection.client("logs").get_paginator("describe_log_groups")
    with translate_errors("list the log groups of jobs"):
        listed = pages.paginate(logGroupNamePrefix=_BATCH_LOG_GROUPS)
        return {g.get("logGroupName", "") for page in listed for g in page["logGroups"]}
