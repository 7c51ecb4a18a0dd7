"""Every form of an FDL file that SCAR documents is valid, and says what has no effect."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scar.aws.compile.from_fdl import functions_of
from scar.fdl.loader import LoadContext, resolve_file
from scar.fdl.problems import InvalidFdlError
from tests.unit.fdl.scar_words.scar_keys import write_image

FORMS = Path(__file__).parents[3] / "fixtures" / "scar_forms"
# What is named in a form: the keys without effect.
NOTES = {
    "endpoint": ["an"],  # an HTTP API waits 30 seconds
    "arm64": ["lambda.runtime"],
    "file_system": ["lambda.runtime"],
    "image_file": ["lambda.deployment.bucket"],
    "image_mode": ["lambda.runtime", "lambda.container.alpine"],
    "own_image": ["lambda.runtime"],
    "with_oscar": ["functions.oscar"],
}


@pytest.mark.parametrize("form", sorted(path.stem for path in FORMS.glob("*.yaml")))
def test_a_form_of_scar_is_valid(tmp_path: Path, form: str) -> None:
    folder = tmp_path / "forms"
    shutil.copytree(FORMS, folder)
    write_image(folder)
    resolved = resolve_file(folder / f"{form}.yaml", LoadContext())
    assert functions_of(resolved.document)
    assert [note.split()[1] for note in resolved.notes] == NOTES.get(form, [])


def test_a_payload_that_is_a_file_is_refused_with_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "script.sh").write_text("#!/bin/sh\n")
    (tmp_path / "one.txt").touch()
    path = tmp_path / "f.yaml"
    head = "functions: {aws: [{lambda: {name: f, init_script: script.sh, container: {image: x},"
    path.write_text(f"{head} extra_payload: one.txt}}}}]}}\n")
    with pytest.raises(InvalidFdlError) as caught:
        resolve_file(path, LoadContext())
    (problem,) = caught.value.problems
    assert problem.message.startswith(f"{tmp_path}/one.txt is a file; it must be a folder")
