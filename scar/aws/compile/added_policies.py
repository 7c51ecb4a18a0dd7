"""The user's own policies of the roles that scar creates (``iam.policies``)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, TypedDict

from scar.aws.compile.policies import canonical_json

if TYPE_CHECKING:
    from scar.aws.model.function import Function
    from scar.aws.model.resources import Pairs


class AddedPolicies(TypedDict):
    """The fields of a role that hold them."""

    managed_policies: tuple[str, ...]
    other_policies: Pairs


def added_policies(function: Function) -> AddedPolicies:
    """Return those of the function's role and of its jobs' role: the script runs with both."""
    return AddedPolicies(
        managed_policies=tuple(
            sorted({policy for policy in function.iam.policies if policy.startswith("arn:")})
        ),
        other_policies=tuple(
            sorted(
                (name, canonical_json(json.loads(text))) for name, text in function.inline_policies
            )
        ),
    )
