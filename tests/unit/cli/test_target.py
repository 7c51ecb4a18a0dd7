"""Where commands connect to: options, environment, FDL file and configuration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.cli.main import run
from tests.fakes.services import FakeServices

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("arguments", [["--local", "ls"], ["ls", "--local"]])
def test_local_is_accepted_on_both_sides_of_the_verb(arguments: list[str]) -> None:
    services = FakeServices({})
    assert run(arguments, services) == 0
    assert services.targets[0].local


def test_local_may_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCAR_LOCAL", "1")
    services = FakeServices({})
    assert run(["ls"], services) == 0
    assert services.targets[0].local


def test_init_takes_the_region_of_the_file(fdl: Path) -> None:
    services = FakeServices({})
    assert run(["init", "-f", str(fdl)], services) == 0
    assert services.targets[0].region == "eu-south-2"
    assert run(["--region", "eu-west-3", "init", "-f", str(fdl)], services) == 0
    assert services.targets[1].region == "eu-west-3"
    assert run(["--local", "init", "-f", str(fdl)], services) == 0
    assert services.targets[2].region == ""


def test_the_order_of_where_to_work(minimal_fdl: Path, tmp_path: Path) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("region: r-config\nprofile: p-config\nendpoint_url: http://c\n")
    environment = {"SCAR_CONFIG": str(config)}

    def region(arguments: list[str], environment: dict[str, str], text: str = "") -> str:
        services = FakeServices(environment)
        file = tmp_path / "g.yaml"
        file.write_text(minimal_fdl.read_text().replace("      name", f"{text}      name"))
        assert run([*arguments, "init", "-f", str(file)], services) == 0
        assert services.targets[0].endpoint_url == "http://c"
        return services.targets[0].region

    own = "      region: r-file\n"
    assert region([], environment) == "r-config"
    assert region([], environment, own) == "r-file"
    assert region([], environment | {"SCAR_REGION": "r-env"}, own) == "r-env"
    assert region(["--region", "r-cli"], environment | {"SCAR_REGION": "r-env"}, own) == "r-cli"


def test_credentials_of_another_account_than_configured_are_refused(
    minimal_fdl: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "c.yaml"
    config.write_text("stages: {prod: {account_id: '999999999999'}, dev: {}}\n")
    environment = {"SCAR_CONFIG": str(config)}
    services = FakeServices(environment)
    assert run(["--stage", "prod", "init", "-f", str(minimal_fdl)], services) == 4
    assert (
        "account 123456789012, but the configuration sets account_id 999999999999"
        in capsys.readouterr().err
    )
    assert services.deployed == []
    assert run(["init", "-f", str(minimal_fdl), "--stage", "dev"], FakeServices(environment)) == 0
