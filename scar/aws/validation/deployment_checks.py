"""What would go wrong, found before the first change. Pure."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from scar.aws.model import names
from scar.aws.requests.creation import creation_requests
from scar.aws.requests.rules.constraints import get_structures
from scar.aws.requests.s3_requests import notification_rule
from scar.aws.requests.validator import check
from scar.errors import ScarError
from scar.fdl import cycles as flows

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from scar.aws.model.function import Function
    from scar.aws.model.resources import BucketNotification, Resource
    from scar.aws.requests.validator import Parameters
    from scar.fdl.model import StorageSpec


_LAMBDA_RULES = "LambdaFunctionConfigurations"


class NotDeployable(ScarError):
    """AWS would refuse, or the functions would trigger themselves; all faults at once."""

    exit_code = 3


def raise_if_any(faults: Iterable[str]) -> None:
    """Raise NotDeployable with all faults, if there are any."""
    found = list(dict.fromkeys(faults))
    if found:
        raise NotDeployable(
            "\n".join(found), remedy="Correct the FDL; nothing was changed in the account."
        )


def check_functions(functions: Sequence[Function]) -> Iterator[str]:
    """Find names used twice, loops, and inputs that overlap."""
    given = [function.name for function in functions]
    for name in sorted({name for name in given if given.count(name) > 1}):
        yield f"{name}: two functions have this name."
    if names.FAILURE_HANDLER in given:
        yield f"{names.FAILURE_HANDLER}: this is the name of a function of scar's own."
    for function in functions:
        yield from _check_loops(function)
        yield from _check_roles(function)
    yield from _check_boundaries(functions)
    yield from _check_cycles(functions)
    inputs = [(f, i) for f in functions for i in f.lambda_.input if i.is_s3]
    for (one, first), (other, second) in combinations(inputs, 2):
        if _inputs_overlap(first, second):
            yield (
                f"{other.name}: its input {second.path} overlaps with {first.path} of"
                f" {one.name}: S3 starts only one function for an object."
            )


def _check_roles(function: Function) -> Iterator[str]:
    """Find roles that would have to be made although the FDL forbids it."""
    if function.iam.create:
        return
    compute = function.batch.compute_resources if function.batch else None
    if not function.iam.role:
        services = ["Lambda"]
        if compute:
            services.append("Batch jobs")
        if compute and compute.is_fargate:
            services.append("Fargate's pulling of images (the execution role)")
        yield (
            f"{function.name}: iam.create is false, but a role is needed for"
            f" {', '.join(services)}: give its ARN as iam.role."
        )
    if compute and compute.uses_shared_role:
        yield (
            f"{function.name}: iam.create is false, but a role and an instance profile are needed"
            " for Batch's instances: give the profile's ARN as"
            " batch.compute_resources.instance_role."
        )


def _check_boundaries(functions: Sequence[Function]) -> Iterator[str]:
    """Find boundaries that cannot all be kept: instances have one role for all functions."""
    sharing = [f for f in functions if f.batch and f.batch.compute_resources.uses_shared_role]
    named = {f.iam.permissions_boundary for f in sharing}
    if len(named) > 1:
        shown = ", ".join(sorted(boundary or "none" for boundary in named))
        yield (
            f"{', '.join(f.name for f in sharing)}: Batch's instances have one role for all"
            f" functions, which cannot be under several boundaries ({shown}): give them the same"
            " iam.permissions_boundary, or an instance profile of your own"
            " (batch.compute_resources.instance_role)."
        )


def check_resources(resources: Iterable[Resource], region: str) -> Iterator[str]:
    """Find what AWS's limits and rules forbid in the requests that would be sent."""
    for resource in resources:
        for service, operation, parameters in creation_requests(resource, region):
            for violation in check(service, operation, parameters):
                yield f"{resource.key}: {violation}"


def check_buckets(
    wanted: Iterable[BucketNotification],
    configurations: Mapping[str, Parameters],
    functions: Collection[str],
) -> Iterator[str]:
    """Find wanted notifications that overlap with those of others already on the bucket.

    ``there`` has what GetBucketNotificationConfiguration says, by bucket; rules that scar made
    for ``functions`` are about to be replaced.
    """
    for rule in wanted:
        for kind, other in _rules_of_other_tools(configurations.get(rule.bucket, {}), functions):
            pair: Parameters = {
                "LambdaFunctionConfigurations": [notification_rule(rule)],
                kind: [*([notification_rule(rule)] if kind == _LAMBDA_RULES else []), other],
            }
            request = {"NotificationConfiguration": pair}
            if check("s3", "PutBucketNotificationConfiguration", request):
                yield (
                    f"Objects under {rule.bucket}/{rule.prefix} already go to {_rule_target(other)}"
                    f" (notification {other.get('Id')!r}): S3 refuses overlapping rules."
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
    return next((str(arn) for arn in arns if arn), "somebody else")


def _check_loops(function: Function) -> Iterator[str]:
    if function.lambda_.allow_loop:
        return
    for item in function.lambda_.input:
        for output in function.lambda_.output:
            if _can_trigger(output, item):
                yield (
                    f"{function.name}: its output {output.path} is in its input {item.path}:"
                    " every output would start it again (allow_loop: true insists)."
                )


def _check_cycles(functions: Sequence[Function]) -> Iterator[str]:
    """Find functions that start each other round and round; each alone is in ``_loops``."""
    starts = {
        one.name: {
            other.name
            for other in functions
            if other.name != one.name
            and any(
                _can_trigger(output, item)
                for output in one.lambda_.output
                for item in other.lambda_.input
            )
        }
        for one in functions
        if not one.lambda_.allow_loop
    }
    if found := flows.find_cycle(starts):
        yield (
            f"{' -> '.join((*found, found[0]))}: each starts the next, without end"
            " (allow_loop: true insists)."
        )


def _can_trigger(output: StorageSpec, item: StorageSpec) -> bool:
    return output.storage_provider == item.storage_provider and flows.can_trigger(
        (output.bucket, output.folder),
        output.suffix,
        (item.bucket, item.folder),
        item.input_suffix,
    )


def _inputs_overlap(one: StorageSpec, other: StorageSpec) -> bool:
    return (
        one.bucket == other.bucket
        and _is_nested(one.folder, other.folder)
        and _is_nested(one.input_suffix[::-1], other.input_suffix[::-1])
    )


def _is_nested(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)
