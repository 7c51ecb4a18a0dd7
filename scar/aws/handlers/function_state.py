"""What Lambda says a function is doing, and what to do if it failed. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.errors import OperationRefusedError

if TYPE_CHECKING:
    from mypy_boto3_lambda.type_defs import (
        FunctionConfigurationResponseTypeDef,
        FunctionConfigurationTypeDef,
    )

    LambdaConfiguration = FunctionConfigurationTypeDef | FunctionConfigurationResponseTypeDef

# By AWS's reason code (model: StateReasonCode, LastUpdateStatusReasonCode, 2026-11).
_REMEDIES = {
    "DisabledKMSKey": "Enable the key",
    "EFSIOError": "Check the file system's access point and security groups",
    "EFSMountConnectivityError": "Open port 2049 between the function's and EFS's security groups",
    "EFSMountFailure": "Check the file system's access point, policy and mount targets",
    "EFSMountTimeout": "Check the file system's mount targets and security groups",
    "ENILimitExceeded": "Delete network interfaces, or ask for a higher quota of them",
    "ImageAccessDenied": "Let lambda.amazonaws.com pull from the repository",
    "ImageDeleted": "Push the image again with scar init",
    "InsufficientRolePermissions": "Give the role what the message says",
    "InvalidImage": "Check the image's architecture, and that it is one for Linux",
    "InvalidSecurityGroup": "Correct the security groups in the FDL",
    "InvalidSubnet": "Correct the subnets in the FDL",
    "KMSKeyAccessDenied": "Let the role use the key",
    "SubnetOutOfIPAddresses": "Give subnets with free addresses",
}


def is_settled(found: LambdaConfiguration, function: str) -> bool | str:
    """Say whether Lambda is done with it, or what it is doing, with AWS's reason code."""
    for part in ("", "LastUpdate"):
        _raise_if_failed(found, function, part)
    if (state := found.get("State", "Active")) not in ("Active", "Inactive"):
        return f"{state} {found.get('StateReasonCode', '')}".strip()
    if (update := found.get("LastUpdateStatus", "Successful")) != "Successful":
        return f"update {update} {found.get('LastUpdateStatusReasonCode', '')}".strip()
    return True


def _raise_if_failed(found: LambdaConfiguration, function: str, part: str) -> None:
    status = found.get("LastUpdateStatus" if part else "State")
    if status != "Failed":
        return
    code = found.get("LastUpdateStatusReasonCode" if part else "StateReasonCode", "")
    reason = found.get("LastUpdateStatusReason" if part else "StateReason", "")
    raise OperationRefusedError(
        f"Lambda cannot use function {function}: {code}: {reason}",
        remedy=_REMEDIES.get(str(code), "Correct the image or the role")
        + ", then run the same command again.",
    )
