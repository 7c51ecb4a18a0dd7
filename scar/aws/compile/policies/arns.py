"""ARNs of what the person who runs scar works on. Pure."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from scar.aws.compile.policies.scope import ANY
from scar.aws.model import names

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from scar.aws.compile.policies.grants import On
    from scar.aws.compile.policies.scope import Scope

_NAME_KEPT = 48  # characters of a function's name that its roles' names always begin with
_LONGEST_REGION = "us-isof-south-1"


def of(on: On, scope: Scope) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_ARNS[on](scope)))


def _named(scope: Scope) -> tuple[str, ...]:
    """Name the functions but for the delegate, which has no runs and no jobs of its own."""
    return tuple(f for f in scope.functions if f != names.DELEGATE)


def _state(scope: Scope, *keys: str) -> Iterator[str]:
    state = names.state_bucket(scope.account)
    return (scope.account.s3_arn(f"{state}/{key}") for key in keys)


def _state_bucket(scope: Scope) -> Iterator[str]:
    """Name the bucket, and what is written in it from outside of functions."""
    yield scope.account.s3_arn(names.state_bucket(scope.account))
    own = (key for name in _named(scope) for key in (f"runs/{name}/*", f"functions/{name}.json"))
    yield from _state(scope, "locks/*", *own)


def _deleted_objects(scope: Scope) -> Iterator[str]:
    yield from _state(scope, *(f"functions/{name}.json" for name in _named(scope)))
    yield from (scope.account.s3_arn(f"{bucket}/*/") for bucket in scope.buckets)


def _log_groups(scope: Scope) -> Iterator[str]:
    """Name the groups of both services: whoever looks at a log looks into both."""
    groups = [names.lambda_log_group(function) for function in scope.functions]
    groups += [names.batch_log_group(function) for function in _named(scope)]
    return (scope.account.arn("logs", f"log-group:{group}") for group in groups)


def _roles(scope: Scope) -> Iterator[str]:
    """Yield the roles that scar makes for the functions, whatever service they are for."""
    account, own = scope.account, [_role(name, scope.account.region) for name in scope.functions]
    if "instances" in scope.parts:
        own.append(names.instance_role(account.region))
    return (account.iam_arn(f"role{names.ROLE_PATH}{name}") for name in own)


def _role(function: str, region: str) -> str:
    if function == ANY:
        return ANY
    named = _LONGEST_REGION if region == ANY else region
    if names.role(function, named, "lambda") == f"{function}-{named}-lambda":
        return f"{function}-{region}-*" if region != ANY else f"{function}-*"
    return f"{function[:_NAME_KEPT]}*"


def _roles_and_profiles(scope: Scope) -> Iterator[str]:
    yield from _roles(scope)
    if "instances" in scope.parts:
        name = names.instance_role(scope.account.region)
        yield scope.account.iam_arn(f"instance-profile{names.ROLE_PATH}{name}")


def _machines(scope: Scope) -> Iterator[str]:
    """Name environments, queues and definitions, and the revisions of these."""
    write = partial(scope.account.arn, "batch")
    yield write(f"compute-environment/{names.SHARED_PREFIX}*")
    yield write(f"job-queue/{names.SHARED_PREFIX}*")
    for function in _named(scope):
        yield write(f"job-definition/{function}")
        if function != ANY:
            yield write(f"job-definition/{function}:*")


def _delegate(scope: Scope) -> Iterator[str]:
    account, name = scope.account, names.DELEGATE
    yield account.arn("lambda", f"function:{name}")
    yield account.arn("logs", f"log-group:{names.lambda_log_group(name)}")
    yield account.iam_arn(f"role{names.ROLE_PATH}{_role(name, account.region)}")


def _buckets(scope: Scope) -> Iterator[str]:
    """Name the buckets, and what is in them."""
    for bucket in scope.buckets:
        yield from (scope.account.s3_arn(f"{bucket}{end}") for end in ("", "/*"))


def _each(
    service: str, resource: str, names_of: Callable[[Scope], tuple[str, ...]]
) -> Callable[[Scope], Iterator[str]]:
    """Write ARNs of one form for several names."""

    def arns(scope: Scope) -> Iterator[str]:
        return (scope.account.arn(service, resource.format(name)) for name in names_of(scope))

    return arns


def _of(service: str, *resources: str) -> Callable[[Scope], Iterator[str]]:
    """Write ARNs that are the same for all functions."""

    def arns(scope: Scope) -> Iterator[str]:
        write = scope.account.iam_arn if service == "iam" else partial(scope.account.arn, service)
        return (write(resource) for resource in resources)

    return arns


_ARNS: Mapping[On, Callable[[Scope], Iterable[str]]] = {
    "anything": lambda _: (ANY,),
    "state bucket": _state_bucket,
    "buckets": _buckets,
    "places of functions and folders": _deleted_objects,
    "functions": _each("lambda", "function:{}", lambda scope: scope.functions),
    # Tags of a group are asked for by its ARN, all else is judged with what is in the group:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    "log groups": lambda scope: (f"{arn}:*" for arn in _log_groups(scope)),
    "log groups by name": _log_groups,
    "repositories": _each("ecr", "repository/{}", lambda scope: scope.repositories),
    "sources": lambda scope: scope.sources,
    "the delegate": _delegate,
    "roles": _roles_and_profiles,
    "passed roles": _roles,
    "identities": _of("iam", "instance-profile/*", "role/*", "user/*"),
    "machines": _machines,
    "jobs": _of("batch", "job/*"),
    "launch templates": _of("ec2", "launch-template/*"),
}
