"""Check that the jobs of a function reach the file systems that they mount."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.account.file_systems import NFS_PORT
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.aws.account.account_state import AccountState
    from scar.aws.account.file_systems import FileSystemState
    from scar.aws.model.function import Function
    from scar.aws.model.network import VpcNetwork


def find_file_system_errors(function: Function, account_state: AccountState) -> Iterator[str]:
    """Yield file systems that jobs cannot mount: each job would fail before its script starts."""
    network = account_state.job_networks.get(function.name)
    for point, state in _file_systems(function, account_state):
        if not state.found:
            yield (
                f"{function.name}: the access point {point} does not exist in the account"
                f" {account_state.account.id} and {account_state.account.region}. Correct"
                " batch.file_system."
            )
        elif state.is_read and not state.vpcs:
            yield (
                f"{function.name}: the file system of {point} has no mount target, so nothing can"
                " mount it. Create one in each Availability Zone of the jobs' subnets."
            )
        elif state.vpcs and network and network.vpc and network.vpc not in state.vpcs:
            yield (
                f"{function.name}: the file system of {point} has mount targets in"
                f" {', '.join(sorted(state.vpcs))}, but jobs run in {network.vpc}. Create a mount"
                " target there, or choose subnets of that VPC in compute_resources.subnets."
            )
        elif (
            network
            and (without := _subnets_without_target(state, network))
            and len(without) == len(network.subnets)
        ):
            yield _describe_missing_targets(function, point, without, "no job can mount it")


def find_file_system_warnings(function: Function, account_state: AccountState) -> Iterator[str]:
    """Yield file systems that jobs may not reach, and those that only one service mounts."""
    network = account_state.job_networks.get(function.name)
    for point, state in _file_systems(function, account_state):
        if state.unread:
            yield (
                f"{function.name}: the mount targets of {point} could not be read, so whether jobs"
                f" reach them is not known: {state.unread}"
            )
            continue
        without = _subnets_without_target(state, network)
        if network and 0 < len(without) < len(network.subnets):
            yield _describe_missing_targets(
                function, point, without, "jobs that run there cannot mount it"
            )
        if state.file_system and network and not state.admits(network.security_groups):
            yield _describe_closed_port(function, point, network)
    yield from _warn_of_one_service(function)


def _subnets_without_target(state: FileSystemState, network: VpcNetwork | None) -> list[str]:
    """Return the subnets in whose Availability Zone the file system has no mount target.

    Jobs reach a file system by its name, which only zones with a mount target resolve:
    https://docs.aws.amazon.com/efs/latest/ug/mounting-fs-mount-cmd-dns-name.html
    """
    if network is None or not state.zones:
        return []
    return [
        route.subnet
        for route in network.subnet_routes
        if route.zone and route.zone not in state.zones
    ]


def _describe_missing_targets(
    function: Function, point: str, subnets: list[str], effect: str
) -> str:
    return (
        f"{function.name}: the file system of {point} has no mount target in the Availability Zones"
        f" of {', '.join(subnets)}: {effect}. Create one in each, or leave these subnets out of"
        " compute_resources.subnets."
    )


def _describe_closed_port(function: Function, point: str, network: VpcNetwork) -> str:
    return (
        f"{function.name}: the security groups of the mount targets of {point} do not admit"
        f" {', '.join(network.security_groups)} on TCP port {NFS_PORT}: jobs could not mount the"
        " file system. Add an inbound rule with this source."
    )


def _warn_of_one_service(function: Function) -> Iterator[str]:
    """Warn if a run that may use both services has a file system in one of them only."""
    if function.batch is None:
        return
    in_lambda, in_batch = function.lambda_.file_system, function.batch.file_system
    if function.lambda_.execution_mode is ExecutionMode.BATCH:
        if in_lambda:
            yield (
                f"{function.name}: lambda.file_system has no effect on runs, since all of them are"
                " jobs (execution_mode: batch): jobs mount those of batch.file_system."
            )
    elif bool(in_lambda) != bool(in_batch):
        which, other = ("lambda", "batch") if in_lambda else ("batch", "lambda")
        yield (
            f"{function.name}: file systems are mounted by {which}.file_system only: a run has none"
            f" in {other.capitalize()}. Set {other}.file_system too, if the script needs it there."
        )


def _file_systems(
    function: Function, account_state: AccountState
) -> Iterator[tuple[str, FileSystemState]]:
    mounts = function.batch.file_system if function.batch else ()
    for point in dict.fromkeys(mount.arn for mount in mounts):
        if (state := account_state.file_systems.get(point)) is not None:
            yield point, state
