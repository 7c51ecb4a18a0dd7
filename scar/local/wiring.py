"""Small adapters between planes that know nothing of each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from scar.local.logs.store import LogStore
    from scar.local.moto.calls import Call
    from scar.local.moto.function_records import FunctionDirectory


def lets_s3_send(functions: FunctionDirectory) -> Callable[[str], bool]:
    """Make the test of a notification's destination: it is there and permits S3 to invoke it."""

    def test(arn: str) -> bool:
        found = functions.get(arn)
        return found is not None and any(
            permission.principal == "s3.amazonaws.com" for permission in found.policy
        )

    return test


def forget_logs(logs: LogStore) -> Callable[[Call], None]:
    """Make the watcher that drops the events of a deleted log group."""

    def watch(call: Call) -> None:
        if call.operation == "DeleteLogGroup":
            logs.delete_group(call.text("logGroupName"))

    return watch
