"""The recursion configuration of functions, which moto 5.2 lacks; it is stored in moto's function.

So it is deleted with the function, and the journal restores it like all other settings.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from scar.local.http.messages import Response
from scar.local.moto.error_responses import ApiError, render_error
from scar.local.moto.journal_keys import function_name

if TYPE_CHECKING:
    from scar.local.moto.calls import MotoCall

PUT_OPERATION, GET_OPERATION = "PutFunctionRecursionConfig", "GetFunctionRecursionConfig"
_DEFAULT = "Terminate"
_ATTRIBUTE = "recursive_loop"  # of moto's function


def execute_recursion_call(call: MotoCall, account: str) -> Response | None:
    """Execute Get- or PutFunctionRecursionConfig, under moto's lock; None for other operations."""
    if call.service != "lambda" or call.operation not in (PUT_OPERATION, GET_OPERATION):
        return None
    from moto.awslambda.exceptions import UnknownFunctionException
    from moto.awslambda.models import lambda_backends

    name = call.text("FunctionName")
    try:
        function = lambda_backends[account][call.region].get_function(function_name(name))
    except UnknownFunctionException:
        message = f"Function not found: {name}"
        error = ApiError(code="ResourceNotFoundException", message=message, status=404)
        return render_error(call.service, error)
    if call.operation == PUT_OPERATION:
        setattr(function, _ATTRIBUTE, call.text("RecursiveLoop"))
    return Response(
        status=200,
        headers={"content-type": "application/json"},
        body=json.dumps({"RecursiveLoop": read_recursive_loop(function)}).encode(),
    )


def read_recursive_loop(function: object) -> str:
    """Return the setting of moto's function: ``Allow`` or ``Terminate``."""
    return str(getattr(function, _ATTRIBUTE, _DEFAULT))
