"""The settings of an acceptance run: nothing on AWS without consent, nothing misspelt."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.acceptance.kit.settings import RefusedError, Settings, from_environment

FOLDER = Path("/tmp/acceptance")


@pytest.mark.parametrize("value", [None, "", "0", "yes"])
def test_aws_is_refused_unless_the_costs_are_accepted(value: str | None) -> None:
    environ = {"ACCEPTANCE_TARGET": "aws"} | ({"ACCEPT_COSTS": value} if value is not None else {})
    with pytest.raises(RefusedError, match="ACCEPT_COSTS=1"):
        from_environment(environ, FOLDER)


def test_aws_has_the_sizes_of_the_list_of_steps() -> None:
    settings = from_environment({"ACCEPTANCE_TARGET": "aws", "ACCEPT_COSTS": "1"}, FOLDER)
    assert (settings.files, settings.big_mb, settings.drift_minutes) == (2000, 200, 30)


def test_the_local_cloud_is_the_default_and_needs_no_consent() -> None:
    settings = from_environment({}, FOLDER)
    assert (settings.target, settings.is_aws, settings.drift_minutes) == ("local", False, 0)


@pytest.mark.parametrize(
    ("variable", "value", "words"),
    [
        ("ACCEPTANCE_FILS", "3", "no setting ACCEPTANCE_FILS"),
        ("ACCEPTANCE_FILES", "many", "ACCEPTANCE_FILES must be a number"),
        ("ACCEPTANCE_TARGET", "azure", "no target azure"),
        ("ACCEPTANCE_RUN", "", "eight hexadecimal digits"),
        ("ACCEPTANCE_RUN", "*", "eight hexadecimal digits"),
    ],
)
def test_a_wrong_setting_is_refused(variable: str, value: str, words: str) -> None:
    with pytest.raises(RefusedError, match=words):
        from_environment({variable: value}, FOLDER)


def test_two_runs_have_different_names() -> None:
    assert from_environment({}, FOLDER).run != from_environment({}, FOLDER).run


@given(
    run=st.from_regex("[0-9a-f]{8}", fullmatch=True),
    minutes=st.floats(0, 1e6),
    files=st.integers(0, 10**6),
    region=st.sampled_from(["", "eu-west-1"]),
)
def test_settings_survive_the_environment(
    run: str, minutes: float, files: int, region: str
) -> None:
    settings = Settings(folder=FOLDER, run=run, drift_minutes=minutes, files=files, region=region)
    assert from_environment(settings.to_environment(), Path("/elsewhere")) == settings
