from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.functional.local.lambda_.fakes import a_cloud

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.functional.local.lambda_.fakes import LambdaCloud


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[LambdaCloud]:
    made = a_cloud(tmp_path)
    yield made
    made.close()
