"""Statements of functions' resource policies, where moto 5.2 differs from AWS.

moto accepts a second statement with the same id, and stores the parameters for function URLs
outside of the statement's condition.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from scar.local.moto.error_responses import ApiError, render_error

if TYPE_CHECKING:
    from scar.local.http.messages import Response
    from scar.local.moto.calls import MotoCall

_CONDITIONS = (
    ("FunctionUrlAuthType", "StringEquals", "lambda:FunctionUrlAuthType"),
    ("InvokedViaFunctionUrl", "Bool", "lambda:InvokedViaFunctionUrl"),
)


def refuse_second_statement(call: MotoCall, function: Any) -> Response | None:  # noqa: ANN401 - moto's own type
    """Return AWS's error if the policy of moto's function has a statement with this id."""
    name = call.text("StatementId")
    if all(statement.get("Sid") != name for statement in function.policy.statements):
        return None
    message = (
        f"The statement id ({name}) provided already exists. Please provide a new statement id,"
        " or remove the existing statement."
    )
    error = ApiError(code="ResourceConflictException", message=message, status=409)
    return render_error(call.service, error)


def complete_statement(response: Response, function: Any) -> Response:  # noqa: ANN401 - moto's own type
    """Move the parameters for function URLs into the condition of the newest statement."""
    statement: dict[str, Any] = function.policy.statements[-1]
    for parameter, operator, key in _CONDITIONS:
        value = statement.pop(parameter, None)
        if value is None or value is False:
            continue
        conditions = statement.setdefault("Condition", {})
        text = "true" if value is True else str(value)
        conditions[operator] = {**conditions.get(operator, {}), key: text}
    return replace(response, body=json.dumps({"Statement": json.dumps(statement)}).encode())
