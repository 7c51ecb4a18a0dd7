"""Without an FDL file, errors name the option that set a value, and no key."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

import pytest

from scar.cli.function_flags import FunctionFlags, name_options, option_of, options_of_values
from scar.cli.main import run
from scar.errors import ScarError
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from scar.aws.model.plan import Plan


class Refusing(FakeServices):
    """Refuses each deployment with an error about the account."""

    def deploy(self, *_: object, **__: object) -> Plan:
        raise ScarError(
            "The role mine does not exist: correct iam.role in the FDL.",
            remedy="Set lambda.memory, or lambda.memory_size, batch.memory and x.iam.role.",
        )


def test_an_error_of_the_account_names_the_option(
    capsys: pytest.CaptureFixture[str], fdl: Path
) -> None:
    assert run(["init", "-n", "a", "-i", "busybox", "-r", "mine"], Refusing({})) == 1
    shown = capsys.readouterr().err
    assert "does not exist: correct -r." in shown
    assert "Set -m, or lambda.memory_size, -bm and x.iam.role." in shown
    assert run(["init", "-f", str(fdl), "-r", "mine"], Refusing({})) == 1
    assert "correct iam.role in the FDL." in capsys.readouterr().err


INVALID: tuple[tuple[str, Sequence[str]], ...] = (
    ("-d", ["x" * 300]),
    ("-i", ["UPPER CASE"]),
    ("-if", ["/nowhere"]),
    ("-s", ["/nowhere"]),
    ("-ep", ["/nowhere"]),
    ("-m", ["0"]),
    ("-t", ["0"]),
    ("-tt", ["-1"]),
    ("-ll", ["loud"]),
    ("-em", ["cloud"]),
    ("-e", ["1A=2"]),
    ("-le", ["AWS_REGION=x"]),
    ("-ib", ["s3://bucket/in"]),
    ("-ob", ["A_B"]),
    ("-bm", ["0"]),
    ("-bc", ["0"]),
    ("-api", ["x" * 200]),
)


@pytest.mark.parametrize(("option", "value"), INVALID)
def test_an_invalid_value_names_its_option(
    option: str, value: Sequence[str], capsys: pytest.CaptureFixture[str]
) -> None:
    image = [] if option in ("-i", "-if") else ["-i", "busybox"]
    assert run(["init", "-n", "gray", *image, option, *value], FakeServices({})) == 3
    shown = capsys.readouterr().err
    assert f"  {option}: " in shown
    assert "functions.aws" not in shown
    assert "scar init --help" in shown


def test_an_absent_name_is_an_absent_option(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("init", "plan", "show"):
        assert run([command, "-i", "busybox"], FakeServices({})) == 3
        assert "  -n NAME: is required and missing" in capsys.readouterr().err


def test_zero_is_a_value() -> None:
    numbers = ("memory", "timeout", "timeout_threshold", "batch_memory", "batch_vcpus")
    assert {f.name for f in fields(FunctionFlags)} >= {*numbers}
    flags = FunctionFlags(**dict.fromkeys(numbers, 0))  # type: ignore[arg-type]
    assert sorted(options_of_values(flags).values()) == ["-bc", "-bm", "-m", "-t", "-tt"]


def test_every_key_of_an_option_is_named_by_it() -> None:
    for location, option in options_of_values(
        FunctionFlags(image="x", iam_role="r", batch_vcpus=1, api_gateway_name="n")
    ).items():
        assert name_options(f"correct {'.'.join(map(str, location))}.") == f"correct {option}."
        assert option_of(location) == option
    assert name_options("Give the function another name in the FDL.").endswith("name with -n.")
