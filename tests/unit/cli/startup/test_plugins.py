"""pydantic's search for plugins is left out, and whatever else its module has stays available."""

from __future__ import annotations

import subprocess
import sys

SEARCHED = """
import sys
from scar.fdl.model.plugins import skip_plugins

skip_plugins()
from pydantic import BaseModel

class Model(BaseModel):
    value: int = 1

print(Model(value="2").value, "importlib.metadata" in sys.modules)
from pydantic.plugin._loader import PYDANTIC_ENTRY_POINT_GROUP

print(PYDANTIC_ENTRY_POINT_GROUP, "importlib.metadata" in sys.modules)
"""


def test_no_plugins_are_searched_until_pydantic_needs_more_of_the_module() -> None:
    shown = subprocess.run(
        [sys.executable, "-c", SEARCHED], capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines() == ["2 False", "pydantic True"]
