"""The recursion configuration of a function: whether Lambda stops it in a recursive loop.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from scar.aws.client import errors
from scar.aws.requests.lambda_requests import recursion_request

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient

    from scar.aws.model.resources import LambdaFunction

# Partitions, Regions and emulators without recursive loop detection do not have the operations.
_NOT_SUPPORTED_CODES = frozenset(
    {"404", "501", "InvalidAction", "NotImplemented", "NotImplementedException"}
    | {"UnknownOperation", "UnknownOperationException"}
)
_ACCESS_DENIED_CODES = frozenset({"AccessDenied", "AccessDeniedException", "403"})


def read_allow_loop(lambda_: LambdaClient, desired: LambdaFunction) -> bool:
    """Return whether the function may run in a recursive loop.

    Where the setting does not exist, the desired value is returned: nothing stops a loop there.
    A caller who may not read it gets Lambda's default: only a function that is to allow loops
    needs the setting, and is then told of the permission that changes it.
    """
    try:
        response = lambda_.get_function_recursion_config(FunctionName=desired.name)
    except (ClientError, ResponseParserError) as error:
        if _is_not_supported(error):
            return desired.allow_loop
        if errors.error_code(error) in _ACCESS_DENIED_CODES | {"ResourceNotFoundException"}:
            return False
        raise
    return response.get("RecursiveLoop") == "Allow"


def set_allow_loop(lambda_: LambdaClient, desired: LambdaFunction) -> None:
    """Allow loops, or let Lambda stop them, which is its default."""
    try:
        lambda_.put_function_recursion_config(**recursion_request(desired))
    except (ClientError, ResponseParserError) as error:
        if not _is_not_supported(error):
            raise


def _is_not_supported(error: ClientError | ResponseParserError) -> bool:
    # A response that is not Lambda's: an emulator that does not know the path.
    return isinstance(error, ResponseParserError) or (
        errors.error_code(error) in _NOT_SUPPORTED_CODES
    )
