"""Any document is valid or has problems: SCAR's words and checks of valid parts never fail."""

from __future__ import annotations

import copy
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from scar.fdl.loader import LoadContext, resolve_file
from scar.fdl.problems import InvalidFdlError
from scar.fdl.scar_words import file_words, table
from tests.unit.fdl.validation.test_all_problems import BASE

WORDS = st.sampled_from(
    [
        *(("functions", "aws", 0, *at) for at in table.WORDS),
        *file_words.WORDS,
        ("functions", "aws", 0, "lambda", "input", 0, "storage_provider"),
        ("functions", "aws", 0, "lambda", "output"),
        ("functions", "aws", 1),
        ("functions",),
        ("storage_providers",),
    ]
)
TEXTS = st.sampled_from(["", "x", "S3.lab", "rucio.r", "{account_id}", "${stage}", "a b", "debug"])
KEYS = st.sampled_from(["name", "lambda", "image", "aws", "lab", "x", "Variables"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=6,
)


def put(data: Any, location: tuple[str | int, ...], value: object) -> None:  # noqa: ANN401 - JSON
    """Set a value where the document has room for it."""
    *above, last = location
    for part in above:
        if isinstance(data, dict) and isinstance(part, str):
            data = data.setdefault(part, {})
        elif isinstance(data, list) and isinstance(part, int) and part < len(data):
            data = data[part]
        else:
            return
    has_item = isinstance(data, list) and isinstance(last, int) and last < len(data)
    if isinstance(data, dict) or has_item:
        data[last] = value


@given(st.lists(st.tuples(WORDS, VALUES), max_size=4))
def test_any_document_is_valid_or_has_problems(
    changes: list[tuple[tuple[str | int, ...], object]],
) -> None:
    data = copy.deepcopy(BASE)
    for location, value in changes:
        put(data, location, copy.deepcopy(value))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.json"
        path.write_text(json.dumps(data))
        try:
            resolve_file(path, LoadContext())
        except InvalidFdlError as error:
            assert error.problems  # noqa: PT017 - both outcomes are right
