"""Rules between keys and functions: loops, VPCs, file systems, disks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.compile.from_fdl import functions_of
from scar.fdl.loader import load_document
from scar.fdl.problems import InvalidFdlError

if TYPE_CHECKING:
    from pathlib import Path

POINT = "arn:aws:elasticfilesystem:eu-west-1:123456789012:access-point/fsap-1"
VPC = "vpc: {SubnetIds: [subnet-1], SecurityGroupIds: sg-1}"


def a_file(tmp_path: Path, *lines: str, batch: str = "") -> Path:
    path = tmp_path / "f.yaml"
    entry = ["name: one", "container: {image: ubuntu}", *lines]
    text = "functions:\n  aws:\n  - lambda:\n" + "".join(f"      {line}\n" for line in entry)
    path.write_text(text + (f"    batch: {batch}\n" if batch else ""))
    return path


def chain(tmp_path: Path, *folders: tuple[str, str], extra: str = "") -> Path:
    path = tmp_path / "f.yaml"
    entries = [
        f"  - lambda: {{name: f{n}, container: {{image: u}}, input: [{{path: {i}}}],"
        f" output: [{{path: {o}}}]{extra}}}\n"
        for n, (i, o) in enumerate(folders)
    ]
    path.write_text("functions:\n  aws:\n" + "".join(entries))
    return path


def problem(path: Path) -> str:
    with pytest.raises(InvalidFdlError) as caught:
        load_document(path)
    return caught.value.problem


def test_functions_that_start_each_other_in_a_cycle_are_refused(tmp_path: Path) -> None:
    cycle = [("box/one", "box/two"), ("box/two", "box/three/x"), ("box/three", "box/one")]
    assert "f0 -> f1 -> f2 -> f0: each starts the next" in problem(chain(tmp_path, *cycle))


def test_an_output_folder_above_the_input_is_refused(tmp_path: Path) -> None:
    for folders in [("box/in", "box"), ("box/a/b/in", "box/a")]:
        text = problem(chain(tmp_path, folders))
        assert f"{folders[1]} contains its input {folders[0]}" in text
        load_document(chain(tmp_path, folders, extra=", allow_loop: true"))
    cycle = [("box/a", "box"), ("box/b", "box/a")]
    text = problem(chain(tmp_path, *cycle))
    assert "f0 -> f1 -> f0: each starts the next" in text
    assert "(through box, box/a)" in text


@pytest.mark.parametrize("filters", ["suffix: .csv", "prefix: out/", "prefix: [in_, 'in.']"])
def test_filters_that_exclude_the_input_allow_a_folder_above_it(
    tmp_path: Path, filters: str
) -> None:
    path = a_file(
        tmp_path,
        "input: [{path: box/in, suffix: .png}]",
        f"output: [{{path: box, {filters}}}]",
    )
    load_document(path)


def test_a_chain_and_an_allowed_cycle_are_valid(tmp_path: Path) -> None:
    load_document(chain(tmp_path, ("box/one", "box/two"), ("box/two", "box/three")))
    cycle = [("box/one", "box/two"), ("box/two", "box/one")]
    load_document(chain(tmp_path, *cycle, extra=", allow_loop: true"))


def test_a_function_may_start_itself_with_allow_loop(tmp_path: Path) -> None:
    own = [("box/in", "box/in")]
    assert "allow_loop" in problem(chain(tmp_path, *own))
    load_document(chain(tmp_path, *own, extra=", allow_loop: true"))


def test_the_spellings_of_lambdas_api_are_accepted(tmp_path: Path) -> None:
    path = a_file(
        tmp_path,
        VPC,
        f"file_system: [{{Arn: '{POINT}', LocalMountPath: /mnt/data}}]",
        "ephemeral_storage: {Size: 2048}",
    )
    spec = functions_of(load_document(path))[0].lambda_
    assert (spec.vpc.subnets, spec.vpc.security_group_ids) == (("subnet-1",), ("sg-1",))
    assert [(item.arn, item.path) for item in spec.file_system] == [(POINT, "/mnt/data")]
    assert spec.ephemeral_storage == 2048


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["vpc: {subnets: [subnet-1]}"], "needs both"),
        ([f"file_system: {{arn: '{POINT}', path: /mnt/x}}"], "reached from a VPC only"),
    ],
)
def test_keys_that_require_each_other_are_checked(
    tmp_path: Path, lines: list[str], expected: str
) -> None:
    assert expected in problem(a_file(tmp_path, *lines))


@pytest.mark.parametrize(
    ("compute", "expected"),
    [
        ("type: FARGATE, disk: 20", "21 to 200"),
        ("type: FARGATE, user_data: boot.sh", "no instances"),
        ("user_data: notes.txt", "begins with #!"),
        ("user_data: large.sh", "EC2's limit is 16384"),
    ],
)
def test_disks_and_user_data_are_checked(tmp_path: Path, compute: str, expected: str) -> None:
    (tmp_path / "boot.sh").write_text("#!/bin/sh\n")
    (tmp_path / "notes.txt").write_text("install things")
    (tmp_path / "large.sh").write_text("#!/bin/sh\n" + "#" * 16_384)
    batch = f"{{memory: 2048, compute_resources: {{{compute}}}}}"
    assert expected in problem(a_file(tmp_path, "execution_mode: batch", batch=batch))


def test_a_disk_and_user_data_are_compiled(tmp_path: Path) -> None:
    (tmp_path / "boot.sh").write_text("#!/bin/sh\n")
    batch = "{compute_resources: {disk: 80, user_data: boot.sh}}"
    (function,) = functions_of(
        load_document(a_file(tmp_path, "execution_mode: batch", batch=batch))
    )
    assert function.batch is not None
    disk = function.batch.compute_resources.disk
    assert (disk.size, function.user_data) == (80, "#!/bin/sh\n")


@pytest.mark.parametrize("name", ["A", "_FIRST"])
def test_lambda_refuses_some_names_of_variables_that_containers_accept(
    tmp_path: Path, name: str
) -> None:
    lines = f"environment: {{Variables: {{{name}: x}}}}"
    assert "begin with a letter" in problem(a_file(tmp_path, lines))


KMS_KEY = "1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (("sse_kms_key_id: " + KMS_KEY,), "requires sse: aws:kms or aws:kms:dsse"),
        (("sse: AES256", "sse_kms_key_id: " + KMS_KEY), "requires sse: aws:kms"),
        (("output: [{path: box, sse_kms_key_id: " + KMS_KEY + "}]",), "requires sse: aws:kms"),
        (
            ("sse: aws:kms", "input: [{path: box, sse_kms_key_id: " + KMS_KEY + "}]"),
            "requires sse: aws:kms",
        ),
        (
            ("input: [{path: box/a, sse: AES256}]", "output: [{path: box/b, sse: 'aws:kms'}]"),
            "differs from that of another entry of the bucket box",
        ),
        (("sse: 'aws:kms'", "sse_kms_key_id: alias/mine"), "an alias is not supported"),
        (("sse: none",), "AES256"),
        (("sse: aes256",), "AES256"),
    ],
)
def test_wrong_encryptions_are_refused(
    tmp_path: Path, lines: tuple[str, ...], expected: str
) -> None:
    assert expected in problem(a_file(tmp_path, *lines))


@pytest.mark.parametrize(
    "key",
    [
        KMS_KEY,
        "mrk-1234567890abcdef1234567890abcdef",
        f"arn:aws:kms:eu-west-1:123456789012:key/{KMS_KEY}",
        f"arn:aws-us-gov:kms:us-gov-west-1:123456789012:key/{KMS_KEY}",
    ],
)
def test_encryptions_of_functions_and_buckets_are_valid(tmp_path: Path, key: str) -> None:
    lines = (
        "sse: AES256",
        f"input: [{{path: box/a}}, {{path: box/b, sse: 'aws:kms', sse_kms_key_id: '{key}'}}]",
        f"output: [{{path: box/c, sse: 'aws:kms', sse_kms_key_id: '{key}'}}]",
    )
    (found,) = functions_of(load_document(a_file(tmp_path, *lines)))
    assert found.lambda_.output[0].sse_kms_key_id == key


def test_clusters_require_the_mode_batch(tmp_path: Path) -> None:
    for mode in ("lambda", "lambda-batch"):
        path = a_file(tmp_path, f"execution_mode: {mode}", batch="{cluster: true}")
        found = problem(path)
        assert "batch.cluster: requires execution_mode: batch" in found
        assert f"{path}:7:" in found
    path = a_file(tmp_path, "execution_mode: batch", batch="{cluster: true}")
    assert functions_of(load_document(path))[0].batch.cluster  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("section", "mode", "name", "reason"),
    [
        ("lambda", "batch", "AWS_BATCH_X", "AWS Batch alone sets names"),
        ("lambda", "lambda", "AWS_BATCH_X", "AWS Batch alone sets names"),
        ("batch", "batch", "AWS_BATCH_JOB_ID", "AWS Batch alone sets names"),
        ("lambda", "lambda", "AWS_REGION", "is reserved: Lambda sets it itself"),
        ("lambda", "batch", "_HANDLER", "is reserved: Lambda sets it itself"),
    ],
)
def test_reserved_variables_are_refused_with_their_line(
    tmp_path: Path, section: str, mode: str, name: str, reason: str
) -> None:
    environment = f"environment: {{Variables: {{{name}: x}}}}"
    lines, batch = ([environment], "") if section == "lambda" else ([], f"{{{environment}}}")
    text = problem(a_file(tmp_path, f"execution_mode: {mode}", *lines, batch=batch))
    assert "f.yaml:7:" in text
    assert f"functions.aws[0].{section}.environment.Variables.{name}: {reason}" in text


def test_jobs_may_have_variables_that_lambda_reserves(tmp_path: Path) -> None:
    load_document(
        a_file(
            tmp_path,
            "execution_mode: batch",
            batch="{environment: {Variables: {AWS_REGION: eu-west-1}}}",
        )
    )


@pytest.mark.parametrize(
    ("section", "value", "expected"),
    [
        ("batch", "{file_system: {arn: fs-1, path: /a}}", "ARN of the access point, of Amazon EFS"),
        ("batch", "{tmpfs: {path: a b, size: 1}}", "mount path in the job, such as /scratch"),
        ("lambda", f"file_system: {{arn: {POINT}, path: /a}}", "local mount path, `/mnt/<name>`"),
    ],
)
def test_values_of_a_wrong_form_are_explained_without_a_regular_expression(
    tmp_path: Path, section: str, value: str, expected: str
) -> None:
    lines, batch = ([value, VPC], "") if section == "lambda" else ([], value)
    text = problem(a_file(tmp_path, *lines, batch=batch))
    assert f"is not valid: {expected}" in text
    assert "pattern" not in text
