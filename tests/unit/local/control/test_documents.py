from __future__ import annotations

from pathlib import Path

from scar.local.lambda_ import model
from scar.local.moto import supported_operations

ROOT = Path(__file__).parent.parent.parent.parent.parent


def test_the_documents_list_all_that_is_not_emulated() -> None:
    text = (ROOT / "docs" / "local-cloud.md").read_text()
    for sentence in (*supported_operations.NOT_EMULATED, *model.NOT_EMULATED):
        assert sentence in text
