"""Memory is given back once imports have ended and the server has nothing to do."""

from __future__ import annotations

import gc
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from scar.local.memory import MemoryKeeper

if TYPE_CHECKING:
    import pytest


def test_memory_is_released_once_after_imports(monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = MemoryKeeper(lambda: 0.0)
    try:
        assert [keeper.release() for _ in range(3)] == [False, True, False]
        monkeypatch.setitem(sys.modules, "scar_test_module", ModuleType("scar_test_module"))
        assert [keeper.release() for _ in range(3)] == [False, True, False]
        assert gc.get_freeze_count() > 1000
    finally:
        gc.unfreeze()


def test_memory_is_not_released_while_the_server_works() -> None:
    used = iter([0.0, 1.0, 3.0, 5.0, 5.1, 5.2])
    keeper = MemoryKeeper(lambda: next(used))
    try:
        assert [keeper.release() for _ in range(5)] == [False, False, False, True, False]
    finally:
        gc.unfreeze()
