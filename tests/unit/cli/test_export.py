"""``scar export``: the template on stdout or in a file, without a connection to AWS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from scar.cli.main import run
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fdl(tmp_path: Path) -> Path:
    file = tmp_path / "f.yaml"
    file.write_text("functions:\n  aws:\n  - lambda: {name: gray, container: {image: x}}\n")
    return file


def test_export_prints_the_template_and_reports_what_is_not_in_it(
    fdl: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    services = FakeServices({})
    assert run(["export", "-f", str(fdl)], services) == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["Resources"]
    assert "AWS::AccountId" in shown.out
    assert "- Images: push each" in shown.err
    assert services.targets == []


def test_export_writes_a_file_for_the_account_that_is_given(fdl: Path, tmp_path: Path) -> None:
    out = tmp_path / "t.json"
    arguments = ["--region", "eu-west-1", "export", "-f", str(fdl), "--account", "123456789012"]
    assert run([*arguments, "-o", str(out)], FakeServices({})) == 0
    assert "scar-123456789012-eu-west-1" in out.read_text()
    assert "AWS::AccountId" not in out.read_text()
    assert run([*arguments, "-o", str(tmp_path / "no" / "t.json")], FakeServices({})) == 2


def write_functions(folder: Path, count: int) -> Path:
    entries = (
        f"  - lambda: {{name: f-{n}, container: {{image: x}}, input: [{{path: photos/{n}}}]}}\n"
        for n in range(count)
    )
    file = folder / "many.yaml"
    file.write_text("functions:\n  aws:\n" + "".join(entries))
    return file


def test_export_names_the_quota_and_the_number_of_stacks(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = write_functions(tmp_path, 90), tmp_path / "t.json"
    assert run(["export", "-f", str(file), "-o", str(out)], FakeServices({})) == 1
    shown = capsys.readouterr().err
    assert "resources, and the quota is 500" in shown
    assert "`scar export --stacks 2 -o FILE`" in shown
    assert not out.exists()

    arguments = ["export", "-f", str(file), "-o", str(out), "--stacks", "2"]
    assert run(arguments, FakeServices({})) == 0
    shown = capsys.readouterr().err
    assert "Create the stacks in the order of their numbers" in shown
    assert "aws cloudformation deploy --s3-bucket" in shown
    found = [json.loads((tmp_path / f"t-{n}.json").read_text())["Resources"] for n in (1, 2)]
    assert all(len(resources) <= 500 for resources in found)
    assert not out.exists()


def test_several_templates_need_a_file_name(fdl: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["export", "-f", str(fdl), "--stacks", "2"], FakeServices({})) == 2
    assert "-o FILE" in capsys.readouterr().err
