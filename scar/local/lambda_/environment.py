"""The environment variables that Lambda sets in a sandbox.

Source: "Using Lambda environment variables" of the Lambda Developer Guide, November 2026.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from scar.local.lambda_.model import LATEST_VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    from scar.local.lambda_.model import DeployedFunction
    from supervisor.aws.sigv4 import Credentials


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxContext:
    """Addresses and log names of one sandbox. ``runtime_api`` is host:port/token."""

    runtime_api: str
    log_group: str
    log_stream: str
    endpoint_url: str


def function_environment(
    function: DeployedFunction,
    image: Mapping[str, str],
    context: SandboxContext,
    credentials: Credentials,
) -> dict[str, str]:
    """Merge the image's, the function's and Lambda's variables; the later take precedence."""
    return {
        **image,
        # Not reserved by Lambda: a function may set these three itself.
        "TZ": ":UTC",
        "LANG": "en_US.UTF-8",
        "AWS_ENDPOINT_URL": context.endpoint_url,
        **function.environment,
        "AWS_EXECUTION_ENV": "AWS_Lambda_Image",
        "AWS_LAMBDA_FUNCTION_NAME": function.name,
        "AWS_LAMBDA_FUNCTION_VERSION": LATEST_VERSION,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": context.log_group,
        "AWS_LAMBDA_LOG_STREAM_NAME": context.log_stream,
        "AWS_LAMBDA_RUNTIME_API": context.runtime_api,
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.token,
        "LAMBDA_TASK_ROOT": "/var/task",
        "LAMBDA_RUNTIME_DIR": "/var/runtime",
    }
