"""Evaluate the state of a Lambda function, with a remedy for each failure."""

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
    "DisabledKMSKey": "Enable the KMS key",
    "EFSIOError": "Check the file system's access point and security groups",
    "EFSMountConnectivityError": "Open port 2049 between the function's and EFS's security groups",
    "EFSMountFailure": "Check the file system's access point, policy and mount targets",
    "EFSMountTimeout": "Check the file system's mount targets and security groups",
    "ENILimitExceeded": "Delete network interfaces, or request a higher quota for them",
    "ImageAccessDenied": "Allow lambda.amazonaws.com to pull images in the repository policy",
    "ImageDeleted": "Build and push the image again with scar init",
    "InsufficientRolePermissions": "Add the permissions in the message to the role",
    "InvalidImage": "Check that the image is for Linux and for the function's architecture",
    "InvalidSecurityGroup": "Correct the security groups in the FDL",
    "InvalidSubnet": "Correct the subnets in the FDL",
    "KMSKeyAccessDenied": "Allow the role to use the KMS key",
    "SubnetOutOfIPAddresses": "Use subnets with free IP addresses",
}


def is_settled(configuration: LambdaConfiguration, function: str) -> bool | str:
    """Return True if no creation or update is pending, else the state with AWS's reason code.

    Raise OperationRefusedError if the creation or the last update failed.
    """
    for part in ("", "LastUpdate"):
        _raise_if_failed(configuration, function, part)
    # Older responses lack these fields: the function is ready then.
    if (state := configuration.get("State", "Active")) not in ("Active", "Inactive"):
        return f"{state} {configuration.get('StateReasonCode', '')}".strip()
    if (update := configuration.get("LastUpdateStatus", "Successful")) != "Successful":
        return f"update {update} {configuration.get('LastUpdateStatusReasonCode', '')}".strip()
    return True


def _raise_if_failed(configuration: LambdaConfiguration, function: str, part: str) -> None:
    status = configuration.get("LastUpdateStatus" if part else "State")
    if status != "Failed":
        return
    code = configuration.get("LastUpdateStatusReasonCode" if part else "StateReasonCode", "")
    reason = configuration.get("LastUpdateStatusReason" if part else "StateReason", "")
    raise OperationRefusedError(
        f"Lambda cannot use function {function}: {code}: {reason}",
        remedy=_REMEDIES.get(str(code), "Correct the image or the role")
        + ", then run the same command again.",
    )
