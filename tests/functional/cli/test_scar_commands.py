"""What SCAR's commands did differently: each row that says so is compared with the result here.

What SCAR did is written here once more, from its code: the keys and paths of transfers, which
function a command is for, which calls it makes.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import boto3
import pytest

from scar.cli.main import run
from scar.fdl.scar_words.flags import FLAGS
from scar.runs.invoke import InputObject
from tests.fakes.services import FakeServices, function_summary
from tests.unit.fdl.scar_words.scar_keys import write_image

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from scar.cli.services import Services

    Proof = Callable[[Path, Services, pytest.CaptureFixture[str]], None]

KEYS = ("in/a.jpg", "in/2024/b.jpg", "input/c.jpg", "d.jpg")
TWO = "functions: {{aws: [{}, {}]}}\n"
ENTRY = "{{lambda: {{name: {}, container: {{image: 'debian:12'}}}}}}"


def two_functions(folder: Path) -> str:
    path = folder / "two.yaml"
    path.write_text(TWO.format(ENTRY.format("gray"), ENTRY.format("blur")))
    return str(path)


def one_function(folder: Path, *, image: str = "{image: debian}", **keys: str) -> str:
    keys["container"] = image
    text = "".join(f"      {key}: {value}\n" for key, value in keys.items())
    path = folder / "one.yaml"
    path.write_text(f"functions:\n  aws:\n  - lambda:\n      name: gray\n{text}")
    return str(path)


def fake(**fields: object) -> FakeServices:
    return FakeServices({}, summaries=[function_summary()], **fields)  # type: ignore[arg-type]


def input_files(number: int) -> list[InputObject]:
    stored = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        InputObject(bucket="photos", key=f"in/{i}.jpg", size=1, etag="e", modified=stored)
        for i in range(number)
    ]


def fill_bucket() -> None:
    client = boto3.client("s3", region_name="us-east-1")
    client.create_bucket(Bucket="photos")
    for key in KEYS:
        client.put_object(Bucket="photos", Key=key, Body=b"1")


def listed_keys() -> set[str]:
    client = boto3.client("s3", region_name="us-east-1")
    return {found["Key"] for found in client.list_objects_v2(Bucket="photos")["Contents"]}


def files_below(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def scar_s_keys(prefix: str) -> set[str]:
    """Return what SCAR took for a folder: all keys that begin with its name."""
    return {key for key in KEYS if key.startswith(prefix)}


def prove_get(folder: Path, services: Services, capsys: pytest.CaptureFixture[str]) -> None:
    fill_bucket()
    assert run(["get", "-b", "photos/in", "-p", str(folder / "out")], services) == 0
    assert files_below(folder / "out") == {"a.jpg", "2024/b.jpg"}
    assert scar_s_keys("in") == {"in/a.jpg", "in/2024/b.jpg", "input/c.jpg"}
    assert run(["get", "-b", "photos/in/a.jpg", "-p", str(folder / "x.jpg")], services) == 0
    assert (folder / "x.jpg").is_file()


def prove_ls_bucket(folder: Path, services: Services, capsys: pytest.CaptureFixture[str]) -> None:
    fill_bucket()
    assert run(["ls", "-b", "photos/in"], services) == 0
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert {row[-1] for row in rows} == scar_s_keys("in") - {"input/c.jpg"}
    assert all(len(row) == 5 for row in rows), "size with its unit, date, time, key"


def prove_put_path(folder: Path, services: Services, capsys: pytest.CaptureFixture[str]) -> None:
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket="photos")
    data = folder / "data"
    (data / "sub").mkdir(parents=True)
    for name in ("a.jpg", "sub/b.jpg"):
        (data / name).write_text("1")
    assert run(["put", "-b", "photos/in", "-p", str(data)], services) == 0
    assert listed_keys() == {"in/a.jpg", "in/sub/b.jpg"}
    scar = {f"in/{path.name}" for path in data.rglob("*.jpg")}
    assert scar == {"in/a.jpg", "in/b.jpg"}


def prove_put_bucket(folder: Path, services: Services, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.jpg").write_text("1")
    put = ["put", "-b", "photos/in", "-p", str(folder / "a.jpg")]
    assert run(put, services) != 0
    client = boto3.client("s3", region_name="us-east-1")
    assert client.list_buckets()["Buckets"] == []
    client.create_bucket(Bucket="photos")
    assert run(put, services) == 0
    assert listed_keys() == {"in/a.jpg"}, "SCAR created the object in/ too"


def prove_run_name(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    services = fake(files=input_files(3))
    assert run(["run", "-n", "gray"], services) == 0
    assert len(services.invoked) + len(services.queued) == 3
    assert all("Records" in event for event in (*services.invoked, *services.queued))


def prove_run_file(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    services = fake(files=input_files(1))
    assert run(["run", "-f", two_functions(folder)], services) == 2
    assert "several functions: select one with -n: gray, blur" in capsys.readouterr().err
    assert run(["run", "-f", two_functions(folder), "-n", "blur"], services) == 0
    assert [[f.name for f in functions] for functions in services.deployed] == [["blur"]]


def prove_script_is_of_the_current_folder(folder: Path, option: list[str]) -> FakeServices:
    """Call a command with ``-s s.sh`` from another folder than the file's; return its services."""
    (folder / "files").mkdir()
    (folder / "here").mkdir()
    (folder / "files" / "s.sh").write_text("#!/bin/sh\necho of the file\n")
    (folder / "here" / "s.sh").write_text("#!/bin/sh\necho here\n")
    services = fake()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "here")
        file = one_function(folder / "files")
        assert run([option[0], "-f", file, "-s", "s.sh", *option[1:]], services) == 0
    return services


def prove_run_script(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    from scar.runs.invoke import script_payload

    services = prove_script_is_of_the_current_folder(folder, ["run", "--", "first"])
    content = (folder / "here" / "s.sh").read_bytes()
    assert services.invoked == [script_payload(content, ("first",))]


def prove_init_script(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    services = prove_script_is_of_the_current_folder(folder, ["init"])
    ((function,),) = services.deployed
    assert function.lambda_.init_script == folder / "here" / "s.sh"


def prove_init_file(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    services = fake()  # gray exists
    assert run(["init", "-f", one_function(folder)], services) == 0
    assert len(services.deployed) == 1


def prove_run_asynchronous(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    services = fake(files=input_files(3))
    assert run(["run", "-n", "gray", "-a"], services) == 0
    assert (len(services.invoked), len(services.queued)) == (0, 3)


def prove_invoke_name(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    services = fake()
    assert services.endpoint is None
    assert run(["invoke", "-n", "gray"], services) == 0
    assert len(services.invoked) == 1


def prove_invoke_file(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["invoke", "-f", two_functions(folder)], fake()) == 2
    assert "several functions: select one with -n" in capsys.readouterr().err


def prove_invoke_json(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data.json").write_text('{"width": 200}')
    services = fake()
    for given in ('{"width": 200}', str(folder / "data.json")):
        assert run(["invoke", "-n", "gray", "-jd", given], services) == 0
    first, second = services.invoked
    assert first == second
    assert json.loads(str(first["body"])) == {"width": 200}


def prove_rm_name(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    services = fake()
    services.summaries.append(function_summary("blur"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.stdin.isatty", lambda: True)
        patch.setattr("scar.cli.commands.rm.require_confirmation", _decline)
        assert run(["rm", "-n", "gray"], services) != 0
    assert services.removed == []
    assert run(["rm", "-n", "gray", "-n", "blur", "-y"], services) == 0
    assert services.removed == [("gray", "blur")]


def _decline(*_: object, **__: object) -> None:
    from scar.errors import UsageError

    raise UsageError("Nothing was removed.", remedy="")


def prove_rm_file(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    services = fake()
    file = one_function(folder, input="[{path: photos/in}]", output="[{path: results}]")
    assert run(["rm", "-f", file, "-y"], services) == 0
    assert services.removals[0].buckets == {"photos", "results"}


def prove_rm_all(folder: Path, _: Services, capsys: pytest.CaptureFixture[str]) -> None:
    services = fake()
    services.summaries.append(function_summary("made-by-another-user"))
    assert run(["rm", "-a"], services) == 2
    assert "--yes" in capsys.readouterr().err
    assert run(["rm", "-a", "-y"], services) == 0
    assert services.removed == [("gray", "made-by-another-user")]


def prove_files_of_the_fdl_are_in_its_folder(
    folder: Path, _: Services, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "here").mkdir()
    (folder / "payload").mkdir()
    write_image(folder)
    file = one_function(folder, image="{image_file: image.tar}", extra_payload="payload")
    services = fake()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "here")
        assert run(["init", "-f", file], services) == 0
    ((function,),) = services.deployed
    assert function.lambda_.extra_payload == folder / "payload"
    assert function.lambda_.container.image_file == folder / "image.tar"


PROOFS: Mapping[tuple[str, str], Proof] = {
    ("init", "-f"): prove_init_file,
    ("init", "-s"): prove_init_script,
    ("init", "-if"): prove_files_of_the_fdl_are_in_its_folder,
    ("init", "-ep"): prove_files_of_the_fdl_are_in_its_folder,
    ("run", "-n"): prove_run_name,
    ("run", "-f"): prove_run_file,
    ("run", "-s"): prove_run_script,
    ("run", "-a"): prove_run_asynchronous,
    ("invoke", "-n"): prove_invoke_name,
    ("invoke", "-f"): prove_invoke_file,
    ("invoke", "-jd"): prove_invoke_json,
    ("ls", "-b"): prove_ls_bucket,
    ("rm", "-n"): prove_rm_name,
    ("rm", "-f"): prove_rm_file,
    ("rm", "-a"): prove_rm_all,
    ("put", "-b"): prove_put_bucket,
    ("put", "-p"): prove_put_path,
    ("get", "-b"): prove_get,
    ("get", "-p"): prove_get,
}
# Compared by test_log.py.
ELSEWHERE = {("log", "-n"), ("log", "-f"), ("log", "-ri")}


def test_every_row_that_names_a_difference_is_compared() -> None:
    different = {
        (command, flag.short)
        for command, flags in FLAGS.items()
        for flag in flags
        if "SCAR" in flag.word.text
    }
    assert different == {*PROOFS, *ELSEWHERE}


@pytest.mark.parametrize(
    ("row", "prove"), [pytest.param(*item, id=" ".join(item[0])) for item in PROOFS.items()]
)
def test_the_command_does_what_its_row_says(
    row: tuple[str, str],
    prove: Proof,
    tmp_path: Path,
    services: Services,
    capsys: pytest.CaptureFixture[str],
) -> None:
    prove(tmp_path, services, capsys)
