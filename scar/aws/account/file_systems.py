"""Read the mount targets of the file systems that jobs mount.

A job reaches a file system through a mount target in its VPC, on port 2049:
https://docs.aws.amazon.com/efs/latest/ug/accessing-fs.html
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scar.aws.client import errors

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from mypy_boto3_ec2.type_defs import IpPermissionOutputTypeDef

    from scar.aws.client.connection import AwsConnection
    from scar.aws.model.function import Function

NFS_PORT = 2049
_EFS_KEYS = {
    "file_system": "FileSystemId",
    "vpc": "VpcId",
    "interface": "NetworkInterfaceId",
    "zone": "AvailabilityZoneId",
}
_S3_FILES_KEYS = {name: key[0].lower() + key[1:] for name, key in _EFS_KEYS.items()}
# Of EFS and of S3 Files.
_NOT_FOUND_CODES = frozenset({"AccessPointNotFound", "ResourceNotFoundException"})
# An AWS-compatible endpoint need not implement file systems: that is not worth a warning.
_NOT_SUPPORTED_CODES = frozenset({"404", "NotImplemented", "UnknownOperationException"})


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSystemState:
    """The file system of one access point.

    ``is_read``: its mount targets are known; otherwise ``unread`` is the reason, empty if the
    service is not there. ``file_system`` is its id, and ``vpcs`` are those with a mount target,
    ``zones`` the ids of the Availability Zones with one; empty: not known.
    ``clients`` are the security groups that the mount targets' rules admit; ``is_open``: they admit
    addresses too, or are not known.
    """

    found: bool = True
    is_read: bool = False
    file_system: str = ""
    vpcs: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    clients: frozenset[str] = frozenset()
    is_open: bool = True
    unread: str = ""

    def admits(self, security_groups: Iterable[str]) -> bool:
        """Return whether the mount targets' rules admit one of these groups, as far as known."""
        return self.is_open or not self.clients.isdisjoint(security_groups)


def read_file_systems(
    connection: AwsConnection, functions: Sequence[Function]
) -> dict[str, FileSystemState]:
    """Read the file systems that the functions' jobs mount, by the ARN of the access point."""
    points = sorted({m.arn for f in functions if f.batch is not None for m in f.batch.file_system})
    if not points:
        return {}
    with ThreadPoolExecutor(4) as pool:
        states = pool.map(lambda point: _read_file_system(connection, point), points)
        return dict(zip(points, states, strict=True))


def admitted_clients(rules: Iterable[IpPermissionOutputTypeDef]) -> tuple[frozenset[str], bool]:
    """Return the security groups that inbound rules admit to NFS, and whether addresses are too.

    Which addresses a rule has is not evaluated: those of jobs are not known before they run.
    """
    relevant = [rule for rule in rules if _admits_nfs(rule)]
    groups = {pair.get("GroupId", "") for rule in relevant for pair in rule["UserIdGroupPairs"]}
    keys = ("IpRanges", "Ipv6Ranges", "PrefixListIds")
    return frozenset(groups), any(rule.get(key) for rule in relevant for key in keys)


def _admits_nfs(rule: IpPermissionOutputTypeDef) -> bool:
    if rule.get("IpProtocol") == "-1":
        return True
    return rule.get("IpProtocol") in ("tcp", "6") and rule.get(
        "FromPort", -1
    ) <= NFS_PORT <= rule.get("ToPort", -1)


def _read_file_system(connection: AwsConnection, access_point: str) -> FileSystemState:
    try:
        targets = _list_mount_targets(connection, access_point)
        clients, is_open = _read_clients(connection, targets)
    except errors.SDK_ERRORS as error:
        code = errors.error_code(error)
        if code in _NOT_FOUND_CODES:
            return FileSystemState(found=False)
        unread = "" if code in _NOT_SUPPORTED_CODES else str(error)
        return FileSystemState(unread=unread)
    return FileSystemState(
        is_read=True,
        file_system=next((t["file_system"] for t in targets), ""),
        vpcs=frozenset(target["vpc"] for target in targets),
        zones=frozenset(target["zone"] for target in targets if target["zone"]),
        clients=clients,
        is_open=is_open,
    )


def _list_mount_targets(connection: AwsConnection, access_point: str) -> list[dict[str, str]]:
    """Return file system, VPC, network interface and zone of each mount target."""
    if ":s3files:" in access_point:
        file_system = access_point.partition("/access-point/")[0]
        listed = connection.client("s3files").list_mount_targets(fileSystemId=file_system)
        found: Iterable[Mapping[str, Any]] = listed["mountTargets"]
        return [_pick(each, _S3_FILES_KEYS) for each in found]
    point = access_point.rpartition("/")[2]
    described = connection.client("efs").describe_mount_targets(AccessPointId=point)
    found = described["MountTargets"]
    return [_pick(each, _EFS_KEYS) for each in found]


def _pick(target: Mapping[str, Any], keys: Mapping[str, str]) -> dict[str, str]:
    return {name: target.get(key, "") for name, key in keys.items()}


def _read_clients(
    connection: AwsConnection, targets: Sequence[Mapping[str, str]]
) -> tuple[frozenset[str], bool]:
    """Return the security groups that reach the mount targets, and whether addresses do."""
    interfaces = [target["interface"] for target in targets if target["interface"]]
    if not interfaces:
        return frozenset(), True
    ec2 = connection.client("ec2")
    found = ec2.describe_network_interfaces(NetworkInterfaceIds=interfaces)["NetworkInterfaces"]
    groups = sorted({group["GroupId"] for each in found for group in each["Groups"]})
    if not groups:
        return frozenset(), True
    described = ec2.describe_security_groups(GroupIds=groups)["SecurityGroups"]
    return admitted_clients(rule for group in described for rule in group["IpPermissions"])
