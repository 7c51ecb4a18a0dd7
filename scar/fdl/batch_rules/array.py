"""The rules of ``batch.array``: which functions can gather events, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scar.aws.model import limits
from scar.fdl.model import NO_PROVIDERS, StorageProviders
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.fdl.model import AwsFunction
    from scar.fdl.problems import Location


def check_array(
    function: AwsFunction, location: Location, providers: StorageProviders = NO_PROVIDERS
) -> Iterator[tuple[Location, str]]:
    """Yield the location and message of each broken rule; ``location`` is the section's."""
    array, spec = function.batch.array, function.lambda_
    if array is None:
        return
    if spec.execution_mode is not ExecutionMode.BATCH:
        yield (
            location,
            (
                f"needs execution_mode: batch, not {spec.execution_mode.value}: the children of an"
                " array job are runs in Batch. Omit array, or change the mode"
            ),
        )
    if function.batch.nodes:
        yield location, "cannot be used with multi_node_parallel: AWS has no arrays of such jobs"
    if not any(map(providers.is_account_s3, spec.input)):
        yield (
            location,
            "gathers the events of new objects in S3, and the function has no input in S3",
        )
    least = limits.EVENT_SOURCE_CONCURRENCY.minimum
    if spec.concurrency is not None and spec.concurrency < least:
        yield (
            (*location[:-2], "lambda", "concurrency"),
            (
                f"is {spec.concurrency}, and batch.array gathers events with {least} invocations at"
                " once, the least that Lambda has for a queue: some would be throttled, and their"
                f" events come late or never. Set {least} or more, or omit it"
            ),
        )
    most = limits.EVENT_SOURCE_BATCH_WITHOUT_WINDOW.maximum
    if array.window == 0 and array.size > most:
        yield (
            (*location, "window"),
            (
                f"0 is possible for a size of at most {most}, and size is {array.size}: Lambda"
                " gathers more only with a window. Choose window: 1 or more"
            ),
        )
