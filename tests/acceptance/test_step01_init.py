"""Step 1: the first deployment of an account and Region, and no drift after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from tests.acceptance.conftest import Deploy
    from tests.acceptance.kit.run import AcceptanceRun

pytestmark = pytest.mark.step(1)


def test_a_second_init_changes_nothing_at_once_and_later(
    run: AcceptanceRun, deploy: Deploy, function: Callable[..., dict[str, Any]]
) -> None:
    one = deploy("one", function("one", "one", concurrency=1))
    assert "Ready" in one.init().stderr
    assert one.drift(0) == []
    assert "Already up to date" in one.init().stderr
    assert one.drift(run.settings.drift_minutes) == []
    run.observe("statements of the repository policy", statement_ids(run, one.functions[0]["name"]))


def statement_ids(run: AcceptanceRun, function: str) -> list[str]:
    """Return the ids of the statements that the function's repository has; Lambda may add one."""
    import json

    ecr = run.target.client("ecr")
    text = ecr.get_repository_policy(repositoryName=f"scar/{function}")["policyText"]
    return [str(statement.get("Sid", "")) for statement in json.loads(text)["Statement"]]
