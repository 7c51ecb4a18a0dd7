"""``enabled: false`` on a function, its Lambda or its Batch part: what follows is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.compile.from_fdl import disabled_functions, functions_of
from scar.fdl.loader import LoadContext, ResolvedDocument, resolve_file
from scar.fdl.problems import InvalidFdlError
from supervisor.model import ExecutionMode

if TYPE_CHECKING:
    from pathlib import Path

FILE = """functions:
  aws:
  - enabled: {enabled}
    lambda:
      name: crop
      execution_mode: {mode}
      container: {{image: "debian:12"}}
      input: [{{path: photos/in}}]
    batch: {{enabled: {batch}}}
"""


def resolved(folder: Path, **values: str) -> ResolvedDocument:
    path = folder / "f.yaml"
    shown = {"enabled": "true", "mode": "lambda-batch", "batch": "true"} | values
    path.write_text(FILE.format(**shown))
    return resolve_file(path, LoadContext())


def test_enabled_is_the_default_and_says_nothing(tmp_path: Path) -> None:
    found = resolved(tmp_path)
    assert found.notes == ()
    assert [f.name for f in functions_of(found.document)] == ["crop"]
    assert disabled_functions(found.document) == ()


def test_a_disabled_function_is_not_deployed_and_what_follows_is_said(tmp_path: Path) -> None:
    found = resolved(tmp_path, enabled="false")
    assert functions_of(found.document) == ()
    assert disabled_functions(found.document) == ("crop",)
    (note,) = found.notes
    assert note.startswith("crop is disabled: ")
    assert note.endswith("New objects in photos/in start nothing.")
    assert "its roles and its images are deleted" in note
    path = tmp_path / "f.yaml"
    path.write_text(f"{path.read_text()}    ecr: {{delete_image: false}}\n")
    (note,) = resolve_file(path, LoadContext()).notes
    assert "its job definition, and its roles are deleted" in note
    assert "stay, and the images (ecr.delete_image: false)." in note


def test_without_its_part_in_batch_a_function_runs_in_lambda_alone(tmp_path: Path) -> None:
    found = resolved(tmp_path, batch="false")
    (function,) = functions_of(found.document)
    assert function.batch is None
    assert function.lambda_.execution_mode is ExecutionMode.LAMBDA
    (note,) = found.notes
    assert "runs that exceed the limits of Lambda fail" in note
    assert resolved(tmp_path, batch="false", mode="lambda").notes == ()


def test_batch_cannot_be_disabled_where_all_runs_are_jobs(tmp_path: Path) -> None:
    with pytest.raises(InvalidFdlError) as caught:
        resolved(tmp_path, batch="false", mode="batch")
    (problem,) = caught.value.problems
    assert problem.key.endswith("batch.enabled")
    assert problem.position.line == 9


def test_the_lambda_function_cannot_be_disabled_alone(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    text = FILE.format(enabled="true", mode="batch", batch="true")
    path.write_text(text.replace("name: crop", "name: crop\n      enabled: false"))
    with pytest.raises(InvalidFdlError) as caught:
        resolve_file(path, LoadContext())
    (problem,) = caught.value.problems
    assert problem.key.endswith("lambda.enabled")
    assert problem.position.line == 6
    assert "execution_mode: batch" in problem.message


@pytest.mark.parametrize(
    ("nodes", "noted"),
    [
        ("{number_nodes: 3}", True),
        ("{enabled: true, number_nodes: 3}", False),
        ("{enabled: false, number_nodes: 3}", False),
        ("{}", False),
    ],
)
def test_nodes_that_are_not_enabled_are_said_to_have_no_effect(
    tmp_path: Path, nodes: str, *, noted: bool
) -> None:
    path = tmp_path / "f.yaml"
    text = FILE.format(enabled="true", mode="batch", batch="true")
    path.write_text(
        text.replace(
            "batch: {enabled: true}",
            f"batch: {{multi_node_parallel: {nodes}, compute_resources: {{max_v_cpus: 16}}}}",
        )
    )
    notes = resolve_file(path, LoadContext()).notes
    note = (
        f"{path}:9: batch.multi_node_parallel.number_nodes has no effect: jobs have one node"
        " without `enabled: true` in batch.multi_node_parallel."
    )
    assert notes == ((note,) if noted else ())
