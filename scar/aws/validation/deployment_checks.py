"""Check functions and compiled resources before the first change: names, loops, AWS's limits."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from scar.aws.model import limits, names
from scar.aws.model.resources import Role
from scar.aws.requests.creation import creation_requests
from scar.aws.requests.rules.constraints import get_structures
from scar.aws.requests.s3_requests import notification_configuration
from scar.aws.requests.validator import check
from scar.aws.validation.loop_checks import check_loops, links_of
from scar.errors import ScarError
from scar.fdl.cycles import FolderIndex

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from scar.aws.model.function import Function
    from scar.aws.model.resources import BucketNotification, Resource
    from scar.aws.requests.validator import Parameters
    from scar.fdl.model import StorageSpec


_LAMBDA_RULES = "LambdaFunctionConfigurations"


class NotDeployableError(ScarError):
    """AWS would reject the functions, or they would trigger themselves; names all problems."""

    exit_code = 3


def raise_if_any(problems: Iterable[str]) -> None:
    """Raise NotDeployableError with all problems, each once, if there are any."""
    unique = list(dict.fromkeys(problems))
    if unique:
        raise NotDeployableError(
            "\n".join(unique), remedy="Correct the FDL; nothing was changed in the account."
        )


def check_functions(functions: Sequence[Function]) -> Iterator[str]:
    """Yield names used twice, missing roles, loops, and overlapping inputs."""
    function_names = Counter(function.name for function in functions)
    for name in sorted(name for name, count in function_names.items() if count > 1):
        yield f"{name}: two functions have this name."
    if names.FAILURE_HANDLER in function_names:
        yield f"{names.FAILURE_HANDLER}: this name is reserved for scar's failure handler."
    for function in functions:
        yield from _check_roles(function)
    yield from _check_boundaries(functions)
    yield from check_loops([links_of(function) for function in functions])
    inputs = [(f, i) for f in functions for i in f.account_inputs]
    nested = FolderIndex(((i.bucket, i.folder), number) for number, (_, i) in enumerate(inputs))
    for number, (one, first) in enumerate(inputs):
        for later in sorted(nested.find_near((first.bucket, first.folder))):
            other, second = inputs[later]
            if later > number and _inputs_overlap(first, second):
                yield (
                    f"{other.name}: its input {second.path} overlaps with {first.path} of"
                    f" {one.name}: S3 rejects overlapping notifications; an object starts one"
                    " function."
                )


def _check_roles(function: Function) -> Iterator[str]:
    """Yield roles that would have to be created although the FDL forbids it."""
    if function.iam.create:
        return
    compute = function.batch.compute_resources if function.batch else None
    if not function.iam.role:
        services = ["Lambda"]
        if compute:
            services.append("Batch jobs")
        if compute and compute.is_fargate:
            services.append("Fargate tasks (the execution role, to pull images)")
        yield (
            f"{function.name}: iam.create is false, but a role is needed for"
            f" {', '.join(services)}: set iam.role to its ARN."
        )
    if compute and compute.uses_shared_role:
        yield (
            f"{function.name}: iam.create is false, but a role and an instance profile are needed"
            " for Batch's instances: set batch.compute_resources.instance_role to the instance"
            " profile's ARN."
        )


def _check_boundaries(functions: Sequence[Function]) -> Iterator[str]:
    """Yield functions with different permissions boundaries that share the instances' role."""
    sharing = [f for f in functions if f.batch and f.batch.compute_resources.uses_shared_role]
    boundaries = {f.iam.permissions_boundary for f in sharing}
    if len(boundaries) > 1:
        shown = ", ".join(sorted(boundary or "none" for boundary in boundaries))
        yield (
            f"{', '.join(f.name for f in sharing)}: Batch's instances have one role for all"
            f" functions, which can have one permissions boundary only ({shown}): set the same"
            " iam.permissions_boundary, or an instance profile of your own"
            " (batch.compute_resources.instance_role)."
        )


def check_resources(resources: Iterable[Resource], region: str) -> Iterator[str]:
    """Yield violations of AWS's limits and rules in the requests that create the resources."""
    for resource in resources:
        if isinstance(resource, Role):
            yield from _check_inline_policies(resource)
        for service, operation, parameters in creation_requests(resource, region):
            for violation in check(service, operation, parameters):
                yield f"{resource.key}: {violation}"


def _check_inline_policies(role: Role) -> Iterator[str]:
    """Yield a role whose inline policies are too long together: a single request is not refused."""
    documents = (role.policy, *dict(role.other_policies).values())
    length = sum(len("".join(document.split())) for document in documents)
    if role.other_policies and not limits.IAM_INLINE_POLICIES.allows(length):
        yield (
            f"{role.key}: its policies have {length:,} characters, and IAM's limit is"
            f" {limits.IAM_INLINE_POLICIES.maximum:,} for all inline policies of a role: make"
            " managed policies of the files in iam.policies, and name their ARNs."
        )


def check_buckets(
    notifications: Iterable[BucketNotification],
    configurations: Mapping[str, Parameters],
    functions: Collection[str],
) -> Iterator[str]:
    """Yield notifications that overlap with those of other tools or functions on the bucket.

    ``configurations`` are responses of GetBucketNotificationConfiguration, by bucket. Rules that
    scar created for ``functions`` are ignored, since they are about to be replaced.
    """
    for rule in notifications:
        for kind, other in _rules_of_other_tools(configurations.get(rule.bucket, {}), functions):
            # The same rule that S3 applies decides: a request with only these two is checked.
            own: Parameters = {**notification_configuration([rule])}
            pair = {**own, kind: [*get_structures(own, kind), other]}
            request: Parameters = {"NotificationConfiguration": pair}
            if check("s3", "PutBucketNotificationConfiguration", request):
                yield (
                    f"Objects under {rule.bucket}/{rule.prefix} already go to {_rule_target(other)}"
                    f" (notification {other.get('Id')!r}): S3 rejects overlapping notifications."
                )


def _rules_of_other_tools(
    configuration: Parameters, functions: Collection[str]
) -> Iterator[tuple[str, Parameters]]:
    for kind in (_LAMBDA_RULES, "QueueConfigurations", "TopicConfigurations"):
        for rule in get_structures(configuration, kind):
            rule_id = str(rule.get("Id", ""))
            if not any(names.is_notification_of(rule_id, name) for name in functions):
                yield kind, rule


def _rule_target(rule: Parameters) -> str:
    arns = (rule.get(k) for k in ("LambdaFunctionArn", "QueueArn", "TopicArn"))
    return next((str(arn) for arn in arns if arn), "an unknown target")


# As S3 decides it: prefixes are nested, and so are suffixes, which reversed are prefixes.
def _inputs_overlap(one: StorageSpec, other: StorageSpec) -> bool:
    return (
        one.bucket == other.bucket
        and _is_nested(one.folder, other.folder)
        and _is_nested(one.input_suffix[::-1], other.input_suffix[::-1])
    )


def _is_nested(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
