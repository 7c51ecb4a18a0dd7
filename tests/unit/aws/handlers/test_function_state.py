"""While Lambda works its reason codes are shown; when it fails the code decides the advice."""

from __future__ import annotations

import pytest

from scar.aws.handlers.function_state import is_settled
from scar.errors import OperationRefusedError


def test_a_pending_state_is_shown_with_its_reason_code() -> None:
    assert is_settled({"State": "Pending", "StateReasonCode": "Creating"}, "f") == (
        "Pending Creating"
    )
    updating = is_settled({"State": "Active", "LastUpdateStatus": "InProgress"}, "f")
    assert updating == "update InProgress"
    assert is_settled({"State": "Active", "LastUpdateStatus": "Successful"}, "f") is True


@pytest.mark.parametrize("part", ["State", "LastUpdateStatus"])
def test_a_failed_state_is_reported_with_code_reason_and_remedy(part: str) -> None:
    found = {
        part: "Failed",
        f"{part}ReasonCode": "SubnetOutOfIPAddresses",
        f"{part}Reason": "No addresses are left.",
    }
    with pytest.raises(OperationRefusedError) as caught:
        is_settled(found, "crop")  # type: ignore[arg-type]
    assert "crop: SubnetOutOfIPAddresses: No addresses are left." in caught.value.problem
    assert caught.value.remedy.startswith("Use subnets with free IP addresses")
