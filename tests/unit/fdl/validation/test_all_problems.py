"""One round tells all problems of a file: a fault hides no other, and makes none up."""

from __future__ import annotations

import copy
import json
import re
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from scar.fdl.loader import LoadContext, resolve_file
from scar.fdl.problems import InvalidFdlError

if TYPE_CHECKING:
    from pathlib import Path

BASE: dict[str, Any] = {
    "functions": {
        "aws": [
            {
                "lambda": {
                    "name": "first",
                    "execution_mode": "batch",
                    "container": {"image": "debian:12"},
                    "input": [{"path": "photos/in"}, {"path": "photos/more"}],
                    "output": [{"storage_provider": "s3.lab", "path": "photos/out"}],
                    "vpc": {"SubnetIds": ["subnet-1"], "SecurityGroupIds": ["sg-1"]},
                },
                "batch": {"memory": 2048},
            },
            {
                "lambda": {
                    "name": "second",
                    "container": {"image": "debian:12"},
                    "input": [{"path": "videos/in"}, {"path": "clips/in"}],
                    "output": [{"storage_provider": "webdav.w", "path": "out"}],
                }
            },
        ]
    },
    "storage_providers": {
        "s3": {"lab": {}},
        "webdav": {"w": {"hostname": "dav.org", "login": "${env:SET}", "password": "p"}},
    },
}
FIRST = ("functions", "aws", 0)
SECOND = ("functions", "aws", 1)
STORE = ("storage_providers", "webdav", "w")
# Single faults: where, the value, and the key of the one problem. Of the model, SCAR's words and
# variables; then of rules.
FAULTS: dict[str, tuple[tuple[str | int, ...], object, str]] = {
    "unknown key": ((*FIRST, "lambda", "frobnicate"), 1, "[0].lambda.frobnicate"),
    "misspelled key": ((*FIRST, "lambda", "timeot"), 1, "[0].lambda.timeot"),
    "mode": ((*SECOND, "lambda", "execution_mode"), "lamda", "[1].lambda.execution_mode"),
    "number": ((*FIRST, "lambda", "memory"), "many", "[0].lambda.memory"),
    "section": ((*FIRST, "cloudwatch"), 3, "[0].cloudwatch"),
    "script": ((*SECOND, "lambda", "init_script"), "absent.sh", "[1].lambda.init_script"),
    "path": ((*FIRST, "lambda", "input", 0, "path"), "A", "[0].lambda.input[0].path"),
    "subnet": ((*FIRST, "lambda", "vpc", "SubnetIds"), ["a b"], "[0].lambda.vpc.subnets"),
    "scar's word": ((*SECOND, "lambda", "time"), 20, "[1].lambda.time"),
    "variable": ((*FIRST, "lambda", "description"), "${x}", "[0].lambda.description"),
    "placeholder": ((*FIRST, "iam"), {"role": "{account_id}"}, "[0].iam.role"),
    "region": ((*FIRST, "ecr"), {"region": "eu-west-1"}, "[0].ecr.region"),
    "store": (("storage_providers", "s3", "lab", "acess"), "x", "storage_providers.s3.lab.acess"),
    "secret key": (
        (*STORE, "tokn"),
        "x",
        "storage_providers.webdav.w.tokn: there is no such key; did you mean `token`?",
    ),
    "unset variable": (
        (*STORE, "login"),
        "${env:NOPE}",
        "storage_providers.webdav.w.login: the environment variable NOPE is not set",
    ),
    "missing key": ((*STORE, "password"), None, "storage_providers.webdav.w: password is required"),
    "address": ((*STORE, "hostname"), "a b", "storage_providers.webdav.w.hostname"),
    "rule: events": (
        (*SECOND, "lambda", "input", 1, "storage_provider"),
        "webdav.w",
        "[1].lambda.input[1].storage_provider: WebDAV servers send no events",
    ),
    "bucket": ((*SECOND, "lambda", "output", 0, "path"), "", "[1].lambda.output[0].path"),
    "top": (("function",), {}, "function"),
    "rule: vpc": (
        (*SECOND, "lambda", "vpc"),
        {"SubnetIds": ["subnet-1"]},
        "[1].lambda.vpc",
    ),
    "rule: tags": ((*FIRST, "lambda", "tags"), {"aws:x": "y"}, "[0].lambda.tags.aws:x"),
    "rule: overlap": ((*SECOND, "lambda", "input", 0, "path"), "photos/more/x", "[1].lambda.input"),
    "rule: second input": (
        (*FIRST, "lambda", "input", 1, "sse_kms_key_id"),
        "0123abcd-0123-0123-0123-0123456789ab",
        "[0].lambda.input[1].sse_kms_key_id",
    ),
    "rule: variable": (
        (*SECOND, "lambda", "environment"),
        {"Variables": {"A": "1"}},
        "[1].lambda.environment.Variables.A",
    ),
}
PLAIN_REGION = LoadContext(secret_environment={"SET": "x"})


def problems(folder: Path, *faults: str) -> list[str]:
    """Return the problems of the base document with these faults, without positions."""
    data = copy.deepcopy(BASE)
    for fault in faults:
        (*above, last), value, _ = FAULTS[fault]
        section: Any = data
        for part in above:
            section = section[part]
        section[last] = value
    path = folder / "f.json"
    path.write_text(json.dumps(data))
    try:
        resolve_file(path, PLAIN_REGION)
    except InvalidFdlError as error:
        return sorted(str(problem) for problem in error.problems)
    return []


def test_without_a_fault_there_is_no_problem(tmp_path: Path) -> None:
    assert problems(tmp_path) == []


@pytest.mark.parametrize("fault", FAULTS)
def test_a_single_fault_is_one_problem(tmp_path: Path, fault: str) -> None:
    (problem,) = problems(tmp_path, fault)
    assert re.sub(r"^functions\.aws", "", problem).startswith(FAULTS[fault][2])


@pytest.mark.parametrize("one", FAULTS)
def test_two_faults_are_two_problems(tmp_path: Path, one: str) -> None:
    for pair in (pair for pair in combinations(FAULTS, 2) if pair[0] == one):
        first, second = (FAULTS[fault][0] for fault in pair)
        if first == second:
            continue
        alone = sorted(problem for fault in pair for problem in problems(tmp_path, fault))
        assert problems(tmp_path, *pair) == alone, pair


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, *FAULTS)
    assert len(found) == len(FAULTS), found


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ((*FIRST, "lambda", "name"), "a b"),  # else: two functions of one name
        ((*FIRST, "lambda", "execution_mode"), "bach"),  # else: the job's memory has no effect
        ((*FIRST, "lambda", "container"), {"imagee": "debian:12"}),  # else: no image
        ((*FIRST, "lambda", "vpc", "SecurityGroupIds"), ["x"]),  # else: subnets alone
        (("storage_providers", "s3", "lab"), 3),  # else: no such store
        (("storage_providers",), []),
        (("storage_providers", "s3"), []),
        ((*FIRST, "lambda", "timeout"), "x"),
    ],
)
def test_a_fault_makes_no_other_up(
    tmp_path: Path, where: tuple[str | int, ...], value: object
) -> None:
    data = copy.deepcopy(BASE)
    section: Any = data
    for part in where[:-1]:
        section = section[part]
    section[where[-1]] = value
    path = tmp_path / "f.json"
    path.write_text(json.dumps(data))
    with pytest.raises(InvalidFdlError) as caught:
        resolve_file(path, LoadContext())
    assert len(caught.value.problems) == 1, caught.value.problems


def test_the_number_of_an_item_is_that_of_the_file(tmp_path: Path) -> None:
    found = problems(tmp_path, "path", "rule: second input")
    assert [problem.partition(":")[0].rpartition("input")[2] for problem in found] == [
        "[0].path",
        "[1].sse_kms_key_id",
    ]
