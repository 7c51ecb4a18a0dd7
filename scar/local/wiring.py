"""Small adapters between planes that know nothing of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.logs.store import LogStore
    from scar.local.moto.calls import MotoCall
    from scar.local.moto.function_records import FunctionRecords


def s3_destination_check(functions: FunctionRecords) -> Callable[[str], bool]:
    """Make the test of a notification's destination: it is there and permits S3 to invoke it."""

    def can_s3_invoke(arn: str) -> bool:
        found = functions.get(arn)
        return found is not None and any(
            permission.principal == "s3.amazonaws.com" for permission in found.policy
        )

    return can_s3_invoke


def log_group_cleaner(logs: LogStore) -> Callable[[MotoCall], None]:
    """Make the watcher that drops the events of a deleted log group."""

    def delete_log_events(call: MotoCall) -> None:
        if call.operation == "DeleteLogGroup":
            logs.delete_group(call.text("logGroupName"))

    return delete_log_events
