"""ARNs of the resources in a caller's policy, for each target of the table of grants."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from scar.aws.compile.policies.scope import ANY
from scar.aws.model import names
from supervisor.runs import record_format

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from scar.aws.compile.policies.grant import GrantTarget
    from scar.aws.compile.policies.scope import PolicyScope

_NAME_PREFIX_LENGTH = 48  # characters of a function's name that its roles' names always start with
_BATCH_CLUSTERS = f"AWSBatch-{names.SHARED_PREFIX}*"
# `scar retry` deletes the end of a cancelled run, and its own mark if it cannot send the event;
# `scar cancel` deletes its mark if the run has ended meanwhile.
_DELETED_RECORDS = (record_format.CANCELLED, record_format.DONE, record_format.RETRY)
_LONGEST_REGION = "us-isof-south-1"


def arns_of(on: GrantTarget, scope: PolicyScope) -> tuple[str, ...]:
    """Return the ARNs of a target in this scope, each once."""
    return tuple(dict.fromkeys(_ARNS_BY_TARGET[on](scope)))


def _user_functions(scope: PolicyScope) -> tuple[str, ...]:
    """Return the functions without the failure handler, which has no runs and no jobs."""
    return tuple(f for f in scope.functions if f != names.FAILURE_HANDLER)


def _state_object_arns(scope: PolicyScope, *keys: str) -> Iterator[str]:
    state = names.state_bucket_name(scope.account)
    return (scope.account.s3_arn(f"{state}/{key}") for key in keys)


def _state_bucket_arns(scope: PolicyScope) -> Iterator[str]:
    """Yield the bucket, and the objects that the CLI itself reads and writes."""
    yield scope.account.s3_arn(names.state_bucket_name(scope.account))
    own = (
        key
        for name in _user_functions(scope)
        for key in (f"runs/{name}/*", f"functions/{name}.json", *_request_bodies(scope, name))
    )
    yield from _state_object_arns(scope, "locks/*", *own)


def _request_bodies(scope: PolicyScope, function: str) -> tuple[str, ...]:
    """Return the pattern of the bodies that `scar retry` copies for the repeated requests."""
    return (f"requests/{function}/*",) if "endpoints" in scope.features else ()


def _deleted_object_arns(scope: PolicyScope) -> Iterator[str]:
    yield from _state_object_arns(
        scope,
        *(
            key
            for name in _user_functions(scope)
            for key in (f"functions/{name}.json", *_deleted_records(name))
        ),
    )
    yield from (scope.account.s3_arn(f"{bucket}/*/") for bucket in scope.buckets)


def _deleted_records(function: str) -> tuple[str, ...]:
    """Return patterns for the keys of records of runs; ``*`` matches ``/`` too.

    The policy for all functions has one pattern, so that it stays one document.
    """
    if function == ANY:
        return ("runs/*.json",)
    return tuple(f"runs/{function}/*/{record}.json" for record in _DELETED_RECORDS)


def _cluster_file_arns(scope: PolicyScope) -> Iterator[str]:
    yield from _state_object_arns(
        # Those of all functions are among the records of runs.
        scope,
        *(f"runs/{name}/clusters/*" for name in _user_functions(scope) if name != ANY),
    )


def _log_group_arns(scope: PolicyScope) -> Iterator[str]:
    """Yield the log groups of Lambda and of Batch: `scar log` reads both."""
    groups = [names.lambda_log_group(function) for function in scope.functions]
    groups += [names.batch_log_group(function) for function in _user_functions(scope)]
    return (scope.account.arn("logs", f"log-group:{group}") for group in groups)


def _role_arns(scope: PolicyScope) -> Iterator[str]:
    """Yield the roles that scar creates for the functions, for all services."""
    account, own = (
        scope.account,
        [_role_pattern(name, scope.account.region) for name in scope.functions],
    )
    if "instances" in scope.features:
        own.append(names.instance_role_name(account.region))
    return (account.iam_arn(f"role{names.ROLE_PATH}{name}") for name in own)


def _role_pattern(function: str, region: str) -> str:
    if function == ANY:
        return ANY
    # A name that is too long is cut and ends with a hash: then only its beginning is known.
    named = _LONGEST_REGION if region == ANY else region
    if names.role_name(function, named, "lambda") == f"{function}-{named}-lambda":
        return f"{function}-{region}-*" if region != ANY else f"{function}-*"
    return f"{function[:_NAME_PREFIX_LENGTH]}*"


def _role_and_profile_arns(scope: PolicyScope) -> Iterator[str]:
    yield from _role_arns(scope)
    if "instances" in scope.features:
        name = names.instance_role_name(scope.account.region)
        yield scope.account.iam_arn(f"instance-profile{names.ROLE_PATH}{name}")


def _batch_arns(scope: PolicyScope) -> Iterator[str]:
    """Yield environments, queues, scheduling policies, job definitions and their revisions."""
    arn = partial(scope.account.arn, "batch")
    yield arn(f"compute-environment/{names.SHARED_PREFIX}*")
    yield arn(f"job-queue/{names.SHARED_PREFIX}*")
    if "shares" in scope.features:
        yield arn(f"scheduling-policy/{names.SHARED_PREFIX}*")
    for function in _user_functions(scope):
        yield arn(f"job-definition/{function}")
        if function != ANY:
            yield arn(f"job-definition/{function}:*")


def _failure_handler_arns(scope: PolicyScope) -> Iterator[str]:
    account, name = scope.account, names.FAILURE_HANDLER
    yield account.arn("lambda", f"function:{name}")
    yield account.arn("logs", f"log-group:{names.lambda_log_group(name)}")
    yield account.iam_arn(f"role{names.ROLE_PATH}{_role_pattern(name, account.region)}")


def _bucket_arns(scope: PolicyScope) -> Iterator[str]:
    """Yield the buckets and their objects."""
    for bucket in scope.buckets:
        yield from (scope.account.s3_arn(f"{bucket}{end}") for end in ("", "/*"))


def _api_arns(*paths: str) -> Callable[[PolicyScope], Iterator[str]]:
    """Return a function that yields the ARNs of API Gateway, which have no account."""

    def arns(scope: PolicyScope) -> Iterator[str]:
        prefix = f"arn:{scope.account.partition}:apigateway:{scope.account.region}::"
        return (f"{prefix}{path}" for path in paths)

    return arns


def _secret_arns(scope: PolicyScope) -> Iterator[str]:
    """Yield the secrets of Secrets Manager, or those of the Region."""
    every = scope.account.arn("secretsmanager", "secret:*")
    yield from (every if secret == ANY else secret for secret in scope.secrets)


def _secret_path_arns(scope: PolicyScope) -> Iterator[str]:
    """Yield the path of each function's parameters, by which they are listed."""
    for name in scope.storing_functions:
        yield scope.account.arn("ssm", f"parameter{names.secret_path(name)}")


def _arns_per_name(
    service: str, resource: str, names_of: Callable[[PolicyScope], tuple[str, ...]]
) -> Callable[[PolicyScope], Iterator[str]]:
    """Return a function that yields one ARN of this form for each name."""

    def arns(scope: PolicyScope) -> Iterator[str]:
        return (scope.account.arn(service, resource.format(name)) for name in names_of(scope))

    return arns


def _fixed_arns(service: str, *resources: str) -> Callable[[PolicyScope], Iterator[str]]:
    """Return a function that yields ARNs that do not depend on the functions."""

    def arns(scope: PolicyScope) -> Iterator[str]:
        build_arn = (
            scope.account.iam_arn if service == "iam" else partial(scope.account.arn, service)
        )
        return (build_arn(resource) for resource in resources)

    return arns


_ARNS_BY_TARGET: Mapping[GrantTarget, Callable[[PolicyScope], Iterable[str]]] = {
    "anything": lambda _: (ANY,),
    "api paths": _api_arns("/apis", "/apis/*"),
    "new apis": _api_arns("/apis"),
    "apis": _api_arns("/apis/*"),
    "api parts": _api_arns("/apis/*/integrations*", "/apis/*/routes*", "/apis/*/stages*"),
    "deleted api parts": _api_arns("/apis/*/cors", "/apis/*/routes/*"),
    "api tags": _api_arns("/tags/*"),
    "removed api tags": _api_arns("/tags/*"),
    # Of all APIs whose requests go to the stage that scar's have: ids are generated.
    "called apis": _fixed_arns("execute-api", "*/$default/*/*"),
    "state bucket": _state_bucket_arns,
    "buckets": _bucket_arns,
    "records of functions": lambda scope: _state_object_arns(scope, "functions/*.json"),
    "records and folders": _deleted_object_arns,
    "cluster files": _cluster_file_arns,
    "functions": _arns_per_name("lambda", "function:{}", lambda scope: scope.functions),
    # The ARN for a log group's tags has no ":*" at its end, unlike that for all other actions:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    "log groups": lambda scope: (f"{arn}:*" for arn in _log_group_arns(scope)),
    "log groups by name": _log_group_arns,
    "repositories": _arns_per_name("ecr", "repository/{}", lambda scope: scope.repositories),
    "source repositories": lambda scope: scope.source_repositories,
    "failure handler": _failure_handler_arns,
    "roles": _role_and_profile_arns,
    "passed roles": _role_arns,
    "identities": _fixed_arns("iam", "instance-profile/*", "role/*", "user/*"),
    "batch resources": _batch_arns,
    "jobs": _fixed_arns("batch", "job/*"),
    "tagged jobs": _fixed_arns("batch", "job/*"),
    # Batch names the cluster of a compute environment AWSBatch-<environment>-<uuid>. Functions
    # share compute environments, so tasks cannot be told apart by function.
    "tasks": _fixed_arns("ecs", f"cluster/{_BATCH_CLUSTERS}", f"task/{_BATCH_CLUSTERS}/*"),
    "event queues": _arns_per_name(
        "sqs",
        "{}",
        lambda scope: tuple(map(names.event_queue_name, _user_functions(scope))),
    ),
    "event sources": lambda _: (ANY,),
    "secrets": _secret_arns,
    "stored secrets": lambda scope: (f"{arn}/*" for arn in _secret_path_arns(scope)),
    "paths of stored secrets": _secret_path_arns,
    "launch templates": _fixed_arns("ec2", "launch-template/*"),
}
