"""Functions from a few FDL keys; all others have the FDL's defaults."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from scar.aws.model.function import Function
from scar.fdl.model import CloudWatchSpec, EcrSpec, IamSpec, LambdaSpec


def new_function(name: str = "crop", **keys: object) -> Function:
    """Return a function; see ``changed`` for the keys."""
    function = Function(
        lambda_=LambdaSpec(name=name),
        iam=IamSpec(),
        cloudwatch=CloudWatchSpec(),
        ecr=EcrSpec(),
        batch=None,
    )
    return changed(function, **keys)


def changed(function: Function, **keys: object) -> Function:
    """Return the function with other values of some keys.

    A key belongs to the first of these parts that has it: ``lambda``, ``iam``, ``cloudwatch``,
    ``ecr``, ``lambda.container``. ``batch``, ``endpoint``, ``user_data``, ``providers`` and
    ``stored_secrets`` are replaced as a whole. Values are not validated: files need not exist, and
    numbers may be out of AWS's range.
    """
    for key, value in keys.items():
        function = _change_key(function, key, value)
    return function


def _change_key(function: Function, key: str, value: Any) -> Function:  # noqa: ANN401
    if key in ("batch", "endpoint", "user_data", "providers", "stored_secrets"):
        return replace(function, **{key: value})
    for name in ("lambda_", "iam", "cloudwatch", "ecr"):
        part = getattr(function, name)
        if key in type(part).model_fields:
            return replace(function, **{name: part.model_copy(update={key: value})})
    container = function.lambda_.container
    assert key in type(container).model_fields, f"no part of a function has the key {key}"
    return _change_key(function, "container", container.model_copy(update={key: value}))
