"""The FDL files of docs/storage.md are valid, and init would deploy them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
import yaml

from scar.aws.compile.from_fdl import functions_of
from scar.aws.compile.placeholders import compile_with_placeholders
from scar.aws.model.account import Account
from scar.aws.model.resources import Bucket
from scar.fdl.loader import LoadContext, resolve_file

ROOT = Path(__file__).parent.parent.parent.parent.parent
BLOCKS = re.findall(
    r"^```yaml\n(.*?)^```", (ROOT / "docs" / "storage.md").read_text(), re.DOTALL | re.MULTILINE
)
LEAST = {"functions": {"aws": [{"lambda": {"name": "crop", "container": {"image": "busybox"}}}]}}


@pytest.mark.parametrize("text", BLOCKS, ids=range(len(BLOCKS)))
def test_each_file_of_the_document_is_valid(text: str, tmp_path: Path) -> None:
    document = {**LEAST, **yaml.safe_load(text)}
    if "input" not in document["functions"]["aws"][0]["lambda"]:
        document["functions"]["aws"][0]["lambda"]["output"] = [
            {"storage_provider": f"{kind}.{name}", "path": f"results/{name}"}
            for kind, entries in document["storage_providers"].items()
            for name in entries
        ]
    (tmp_path / "crop.sh").write_text("#!/bin/sh\n")
    path = tmp_path / "stores.yaml"
    path.write_text(yaml.safe_dump(document))
    resolved = resolve_file(path, LoadContext())
    functions = functions_of(resolved.document)
    assert functions[0].providers
    compiled = compile_with_placeholders(functions, Account("123456789012", "eu-west-1"))
    assert {r.name for r in compiled if isinstance(r, Bucket)} <= {"photos"}
    assert not any("plain text" in note and "password" in note for note in resolved.notes)


def test_the_document_has_all_kinds_of_stores() -> None:
    named = {kind for text in BLOCKS for kind in yaml.safe_load(text)["storage_providers"]}
    assert named == {"s3", "minio", "webdav", "onedata"}


def commands_for_minio(fdl: Path) -> list[str]:
    """Return the commands that `scar init` prints."""
    found: list[str] = []
    for note in resolve_file(fdl, LoadContext()).notes:
        found += re.findall(r"`(mc [^`]*)`", note)
    return found


def test_the_commands_for_minio_in_the_documents_are_those_that_init_prints(tmp_path: Path) -> None:
    (tmp_path / "crop.sh").write_text("#!/bin/sh\n")
    (text,) = [text for text in BLOCKS if "webhook_token" in text]
    (tmp_path / "stores.yaml").write_text(text)
    shown = (ROOT / "docs" / "storage.md").read_text().splitlines()
    assert [line for line in shown if line.startswith("mc ")] == commands_for_minio(
        tmp_path / "stores.yaml"
    )
    example = tmp_path / "minio"
    shutil.copytree(ROOT / "examples" / "minio", example)
    text = (example / "minio.yaml").read_text()
    (example / "minio.yaml").write_text(text.replace("image_file: image.tar", "image: busybox"))
    printed = [
        command.replace("ALIAS", "lab")
        .replace("ADDRESS", '"$URL"')
        .replace(" TOKEN", " $MINIO_WEBHOOK_TOKEN")
        for command in commands_for_minio(example / "minio.yaml")
    ]
    readme = (ROOT / "examples" / "minio" / "README.md").read_text()
    block = readme.partition("mc alias set")[2].partition("```")[0].splitlines()[1:]
    assert block == printed
