"""A function, a folder or a file where a run is expected: the error says what to write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import pytest

from scar.aws.inventory.functions import InputFolder
from scar.aws.model.other_inputs import OtherInput
from scar.cli.main import run
from scar.errors import ScarError
from scar.runs.lookup import input_id_prefix
from supervisor.runs import record_format
from tests.fakes.services import function_summary
from tests.functional.cli.conftest import MotoServices

if TYPE_CHECKING:
    from collections.abc import Sequence

    from scar.aws.client.connection import AwsConnection
    from scar.aws.inventory.functions import FunctionSummary

STATE = "scar-123456789012-us-east-1"


@dataclass(frozen=True)
class NamedServices(MotoServices):
    """Has ``gray`` on ``photos/in``, ``thumbnails`` on the bucket ``pics``, ``crop`` in MinIO."""

    is_denied: bool = False

    def list_functions(self, connection: AwsConnection) -> Sequence[FunctionSummary]:
        if self.is_denied:
            raise ScarError("Denied.", remedy="Ask.")
        inputs = (InputFolder("pics/incoming"), InputFolder("pics/more"))
        return (
            function_summary(),
            function_summary("thumbnails", inputs=inputs, buckets=("out",)),
            function_summary("crop", inputs=(), other_inputs=(OtherInput("minio.lab", "lab/in"),)),
        )


@pytest.fixture
def named(services: MotoServices) -> NamedServices:
    for bucket in (STATE, "photos", "pics", "out"):
        boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=bucket)
    return NamedServices(services.environment)


COMMANDS = {
    ("why",): "scar status -n {}",
    ("wait",): "scar wait -n {}",
    ("retry",): "scar retry --failed -n {}",
    ("retry", "--dry-run"): "scar retry --failed -n {}",
    ("cancel",): "scar cancel -n {}",
    ("cancel", "--dry-run"): "scar cancel -n {}",
    ("logs", "--run"): "scar logs -n {}",
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", ["gray", "thumbnails"])  # the first is too short for a run id
def test_a_function_is_named_with_its_option(
    command: tuple[str, ...],
    name: str,
    named: NamedServices,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([*command, name], named) in (1, 2)
    expected = f"{name} is a function: `{COMMANDS[command].format(name)}`."
    assert expected in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("pics/incoming", "pics/incoming is a folder: `scar ls -b pics/incoming`"),
        ("pics/incoming/", "pics/incoming is a folder"),
        ("s3://pics/incoming", "pics/incoming is a folder"),
        ("s3://pics/incoming/", "All runs: `scar status -n thumbnails`."),
        ("s3://pics", "pics is a folder"),
        ("s3://pics/", "pics is a folder"),
        ("pics/incoming/a b.jpg", "as s3://pics/incoming/a b.jpg."),
        ("out/a.jpg", "as s3://out/a.jpg."),
        ("s3://pics/incoming/a.jpg", "A file starts a function when it is uploaded"),
        ("other/a.jpg", "`scar status` shows the latest runs"),
        ("thumbnail", "`scar status` shows the latest runs"),
        ("pics/in", "as s3://pics/in."),
        ("lab/in", "is the input minio.lab:lab/in of crop, which scar does not list."),
        ("lab/in/a.jpg", "Name a file as minio.lab:BUCKET/KEY."),
        ("s3://lab/in/a.jpg", "All runs: `scar status -n crop`."),
        ("minio.lab:lab/in", "which scar does not list"),
        ("minio.lab:lab", "which scar does not list"),
        ("minio.lab:lab/in/a.jpg", "which scar does not list"),
        ("minio.lab:lab/other", "Its server sends an event for a new file"),
        ("deadbeef", "`scar status` shows the latest runs"),
        ("dead", "Write its first 6 characters"),
    ],
)
def test_a_folder_or_a_file_is_named_as_what_it_is(
    text: str, hint: str, named: NamedServices, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["why", text], named) in (1, 2)
    assert hint in capsys.readouterr().err


def test_the_hint_is_about_the_text_without_a_run(
    named: NamedServices, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["wait", "deadbeef", "thumbnails"], named) == 1
    shown = capsys.readouterr().err
    assert ("deadbeef" in shown) != ("thumbnails is a function" in shown)


def test_the_error_stays_if_the_functions_cannot_be_listed(
    named: NamedServices, capsys: pytest.CaptureFixture[str]
) -> None:
    denied = NamedServices(named.environment, is_denied=True)
    assert run(["why", "thumbnails"], denied) == 1
    shown = capsys.readouterr().err
    assert "There is no record of a run thumbnails." in shown
    assert "Denied" not in shown


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["status", "gray"], "Unexpected argument 'gray': use -n gray."),
        (["status", "--failed", "gray", "crop"], "Unexpected argument 'gray': use -n gray."),
        (["status", "deadbeef"], "`scar why deadbeef` shows its runs."),
        (["status", "s3://pics/a"], "`scar why s3://pics/a` shows its runs."),
        (["logs", "gray"], "Unexpected argument 'gray': use -n gray."),
        (["log", "-F", "gray"], "use -n gray."),
        (["logs", "a b"], "use -n 'a b'."),
        (["logs", "-n", "gray", "deadbeef"], "use --run deadbeef."),
        (["logs", "5c9d84bd-0000-4000-8000-000000000000"], "use --run 5c9d84bd-0000"),
        (["logs", "gray/2026-09-21/abc"], "use --run gray/2026-09-21/abc."),
        (["logs", "s3://pics/a"], "use --file s3://pics/a."),
        (["status", "--nope"], "No such option"),
    ],
)
def test_a_name_without_its_option_is_a_usage_error_that_names_the_option(
    arguments: list[str], hint: str, named: NamedServices, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments, named) == 2
    assert hint in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["put", "-b", "lab/in", "-p", __file__],
        ["get", "-b", "lab/in", "-p", "/tmp/absent"],
        ["ls", "-b", "lab/in"],
    ],
)
def test_a_bucket_of_an_input_on_minio_is_not_said_to_be_misspelt(
    command: list[str], named: NamedServices, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(command, named) == 1
    shown = capsys.readouterr().err
    assert "does not exist in S3. An input of a function is lab on minio.lab." in shown
    assert "mc" in shown


def test_a_run_on_a_file_in_minio_is_found_by_the_files_name(
    named: NamedServices, capsys: pytest.CaptureFixture[str]
) -> None:
    run_id = f"{input_id_prefix('crop', 'lab', 'in/a b', 'minio.lab')}{1:016x}"
    owner = {"site": "lambda", "request": "r", "job": "", "attempt": 1}
    records = {"claim": {"owner": owner, "event": "{}"}, "error": {"owner": owner, "problem": "No"}}
    for name, record in records.items():
        boto3.client("s3", region_name="us-east-1").put_object(
            Bucket=STATE,
            Key=f"runs/crop/2026-09-21/{run_id}/{name}.json",
            Body=record_format.encode(record),
        )
    assert run(["why", "minio.lab:lab/in/a b", "-j"], named) == 0
    assert run_id in capsys.readouterr().out
    assert run(["retry", "minio.lab:lab/in/a b", "--dry-run"], named) == 0
    assert run_id in capsys.readouterr().out
    assert run(["why", "s3://lab/in/a b"], named) == 1


def test_files_on_minio_are_said_not_to_be_counted(
    named: NamedServices, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (["status", "-n", "crop"], ["wait", "-n", "crop"]):
        assert run(command, named) == 0
        assert "minio.lab:lab/in is not listed" in capsys.readouterr().err
    assert run(["status", "-n", "gray"], named) == 0
    assert "not listed" not in capsys.readouterr().err
