from __future__ import annotations

import json
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scar.aws.compile.from_fdl import functions_of
from scar.fdl.layers import SettingsLayer
from scar.fdl.loader import LoadContext, load_document, resolve_file, resolve_values
from scar.fdl.problems import InvalidFdlError
from supervisor.model import ExecutionMode
from tests.calls import count_calls

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Write = Callable[[str], Path]

GOOD = """\
functions:
  aws:
  - lambda:
      name: one
      container: {image: ubuntu}
      input: [{storage_provider: s3, path: bucket/in}]
      output: [{storage_provider: s3, path: bucket/out, suffix: [wav, srt]}]
"""


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "f.yaml"
        path.write_text(text)
        return path

    return write


def problems(path: Path) -> list[str]:
    """Return all problems, each as ``line:column: key: message``."""
    with pytest.raises(InvalidFdlError) as caught:
        load_document(path)
    assert caught.value.exit_code == 3
    return [line.strip().removeprefix(f"{path}:") for line in caught.value.problem.splitlines()[1:]]


def test_what_is_left_out_has_its_default(write: Write) -> None:
    spec = load_document(write(GOOD)).functions.aws[0].lambda_
    assert (spec.memory, spec.timeout, spec.retries) == (512, 300, 0)
    assert spec.execution_mode is ExecutionMode.LAMBDA
    assert spec.container.timeout_threshold == 10
    assert spec.output[0].suffix == ("wav", "srt")
    assert load_document(write(GOOD)).functions.aws[0].batch.memory == 1024


def test_all_problems_are_reported_at_once_with_their_positions(write: Write) -> None:
    found = problems(
        write("""\
functions:
  aws:
  - lambda:
      nam: x
      memory: 64
      init_script: absent.sh
      execution_mode: lamda
  - lambda:
      name: two
  - lambda:
      name: two
      container: {image: i}
storage_provider: {}
""")
    )
    assert [f.partition(" ")[0] for f in found] == [
        "3:5:",
        "3:5:",
        "4:7:",
        "5:7:",
        "6:7:",
        "7:7:",
        "8:5:",
        "11:7:",
        "13:1:",
    ]
    text = "\n".join(found)
    assert "did you mean `name`?" in text
    assert "did you mean `storage_providers`?" in text
    assert "absent.sh cannot be read: No such file" in text
    assert "two functions called 'two'" in text
    assert "image or image_file is required" in text


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: the file is empty"),
        ("# only a comment\n", "1:1: the file is empty"),
        ("- a\n- b\n", "1:1: the top level is a list"),
        ("just text", "1:1: the top level is the value"),
        ("functions:\n\taws: []\n", "2:1: a tab in the indentation"),
        ("functions: [\n", "2:1: invalid YAML"),
        ("functions: {aws: []}\n", "1:13: functions.aws: there is no function"),
        ("functions:\n", "1:1: functions.aws: is required"),
        ("functions: 3\n", "1:1: functions: must have keys below it, not '3'"),
        ("functions: {}\n", "1:1: functions.aws: is required"),
        ("functions: {oscar: [x]}\n", "1:1: functions.aws: there are functions of OSCAR only"),
        ("a: &a [*a]\n", "too large or nested too deeply"),
        (GOOD + "functions: {}\n", "8:1: functions: duplicate key"),
        (GOOD + "---\na: b\n", "8:1: invalid YAML: another document begins here; a file has one"),
        ("!!python/object/apply:os.system [ls]\n", "invalid YAML"),
    ],
)
def test_invalid_documents_have_plain_messages(write: Write, text: str, problem: str) -> None:
    assert any(problem in found for found in problems(write(text))), problems(write(text))


@pytest.mark.parametrize(
    ("key", "written"),
    [
        *[(key, "x-a") for key in ("X-a", "X-A", "x_a", "X_a", "x.a", ".x-a", "xa", "_x-a")],
        *[(key, "x-name") for key in ("x", ".x", "X-", "x_")],
        *[(key, "x-common") for key in (".common", "x_common", "_common")],
        ("x_my_anchors", "x-my-anchors"),
    ],
)
def test_a_key_that_was_meant_as_the_user_s_own_is_named_with_its_prefix(
    write: Write, key: str, written: str
) -> None:
    (found,) = problems(write(f"{key}: &a {{b: c}}\n{GOOD}"))
    assert f"1:1: {key}: there is no such key" in found
    assert f"`{written}`" in found


@pytest.mark.parametrize("key", ["function", "storage_provider", "common"])
def test_other_unknown_keys_do_not_name_the_prefix(write: Write, key: str) -> None:
    assert not any("x-" in found for found in problems(write(f"{key}: 1\n{GOOD}")))


@pytest.mark.parametrize(
    ("section", "key", "place"),
    [
        ("batch", "wait_limit", "`batch.compute_resources`"),
        ("batch", "secrets", "`lambda.container`"),
        ("lambda", "gpus", "`batch`, `batch.overrides`"),
        ("iam", "tags", "`lambda`"),
    ],
)
def test_a_key_in_the_wrong_section_is_told_its_own(
    write: Write, section: str, key: str, place: str
) -> None:
    value: dict[str, dict[str, object]] = {section: {key: 1}}
    if section == "lambda":
        value[section] |= {"name": "a", "container": {"image": "x"}}
    found = problems(write(json.dumps({"functions": {"aws": [value]}})))
    assert any(
        f"aws[0].{section}.{key}: there is no such key here; it is a key of {place}" in line
        for line in found
    ), found


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    assert problems(tmp_path / "absent.yaml") == ["1:1: cannot be read: No such file or directory"]
    (tmp_path / "binary").write_bytes(b"\xff\x00")
    (found,) = problems(tmp_path / "binary")
    assert found.startswith("1:1: the byte 0xff is not UTF-8 text")


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("output: [{path: bucket/in}]", "would start the function again"),
        ("output: [{path: bucket/in/deeper}]", "would start the function again"),
        ("input: [{path: Bucket/x}]", "is not a valid bucket name"),
        ("input: [{path: bucket/../x}]", "has an empty, '.' or '..' part"),
        ("input: [{path: bucket/a}, {path: bucket/a/b}]", "overlaps with bucket/a"),
        ("input: [{storage_provider: minio.x, path: bucket/a}]", "storage_providers.minio has no"),
        ("input: [{storage_provider: s3.x, path: bucket/a}]", "storage_providers.s3 has no 'x'"),
        ("timeout: 10", "leaves no time for the script"),
        ("timeout: 901", "less than or equal to 900"),
        ("retries: 3", "less than or equal to 2"),
        ("name: a b", "is not a valid function name"),
        ("environment: {Variables: {A: yes}}", "put it in quotes"),
        ("container: {create_image: false, image: i}", "needs an image in ECR"),
        ("tags: [a]", "must have keys below it, not ['a']"),
        ("input: x", "must have keys below it, not 'x'"),
    ],
)
def test_values_that_cannot_work_are_refused(write: Write, change: str, problem: str) -> None:
    key = change.partition(":")[0]
    kept = [line for line in GOOD.splitlines() if not line.strip().startswith(f"{key}:")]
    found = problems(write("\n".join([*kept, f"      {change}\n"])))
    assert any(problem in text for text in found), found


@pytest.mark.parametrize(
    ("batch", "problem"),
    [
        ("{vcpus: 4}", "never fits into max_v_cpus 2"),
        ("{vcpus: 0.5}", "fractions of a vCPU require FARGATE"),
        ("{timeout: 59}", "greater than or equal to 60"),
        ("{memory: 1024, compute_resources: {type: FARGATE}}", "the nearest size is 2048"),
        ("{compute_resources: {type: FARGATE, instance_types: [m5]}}", "no instance types"),
        ("{state: DISABLED}", "must be ENABLED"),
    ],
)
def test_batch_sizes_are_checked_in_batch_modes_only(
    write: Write, batch: str, problem: str
) -> None:
    text = GOOD + "      execution_mode: batch\n    batch: " + batch + "\n"
    found = problems(write(text))
    assert any(problem in line for line in found), found


@pytest.mark.parametrize(
    ("batch", "memory"),
    [
        ("{}", 1024),
        ("{compute_resources: {type: FARGATE}}", 2048),
        ("{compute_resources: {type: FARGATE_SPOT}, vcpus: '0.25'}", 512),
        ("{compute_resources: {type: FARGATE, max_v_cpus: 16}, vcpus: 16}", 32768),
        ("{compute_resources: {type: FARGATE}, memory: 3072}", 3072),
    ],
)
def test_the_default_memory_on_fargate_is_the_least_that_the_vcpus_allow(
    write: Write, batch: str, memory: int
) -> None:
    loaded = load_document(write(GOOD + f"      execution_mode: batch\n    batch: {batch}\n"))
    assert loaded.functions.aws[0].batch.memory == memory


@pytest.mark.parametrize("vcpus", ["3", "many", "[1]", "-1"])
def test_vcpus_that_fargate_does_not_have_are_one_problem(write: Write, vcpus: str) -> None:
    batch = f"{{compute_resources: {{type: FARGATE, max_v_cpus: 8}}, vcpus: {vcpus}}}"
    (problem,) = problems(write(GOOD + f"      execution_mode: batch\n    batch: {batch}\n"))
    assert "batch.vcpus" in problem


def test_functions_on_overlapping_folders_are_refused(write: Write) -> None:
    other = "".join(GOOD.splitlines(keepends=True)[2:]).replace("one", "two")
    found = problems(write(GOOD + other.replace("bucket/in", "bucket/in/below")))
    assert ["overlaps with bucket/in, an input of one" in text for text in found] == [True]
    assert (
        len(load_document(write(GOOD + other.replace("bucket/in", "bucket/input"))).functions.aws)
        == 2
    )


def test_suffixes_that_exclude_each_other_may_share_a_folder(write: Write) -> None:
    first = GOOD.replace("path: bucket/in}", "path: bucket/in, suffix: .wav}")
    other = "".join(first.splitlines(keepends=True)[2:]).replace("one", "two")
    assert len(load_document(write(first + other.replace(".wav", ".mp3"))).functions.aws) == 2
    assert len(problems(write(first + other.replace(".wav", "av")))) == 1


def test_a_key_with_nothing_below_it_has_its_defaults(write: Write) -> None:
    empty = "      environment:\n      input:\n    batch:\n    iam:\n"
    function = load_document(
        write(GOOD.replace("      input: [{", "      tags: {}\n      #") + empty)
    )
    assert function.functions.aws[0].batch.memory == 1024
    assert function.functions.aws[0].lambda_.environment.Variables == {}


def test_paths_are_relative_to_the_file(write: Write, tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    spec = load_document(write(GOOD + "      init_script: run.sh\n")).functions.aws[0].lambda_
    assert spec.init_script == tmp_path / "run.sh"


@pytest.mark.parametrize("script", [b"#!/bin/sh\r\necho\r\n", b"echo\r\n"])
def test_windows_line_endings_are_reported_with_the_command_that_converts_them(
    write: Write, tmp_path: Path, script: bytes
) -> None:
    (tmp_path / "windows.sh").write_bytes(script)
    (problem,) = problems(write(GOOD + "      init_script: windows.sh\n"))
    assert "Windows line endings" in problem
    assert f"sed -i 's/\\r$//' {tmp_path / 'windows.sh'}" in problem


@pytest.mark.parametrize(
    "encoding", ["utf-16", "utf-16le", "utf-16be", "utf-32", "utf-32le", "utf-32be"]
)
def test_a_file_in_a_wide_encoding_is_named_with_the_command_that_converts_it(
    tmp_path: Path, encoding: str
) -> None:
    path = tmp_path / "my file.yaml"
    path.write_bytes(GOOD.encode(encoding))
    (found,) = problems(path)
    assert f"the file is {encoding.upper()} text" in found
    subprocess.run(["/bin/sh", "-c", found.rpartition("convert it: ")[2]], check=True)
    assert path.read_text() == GOOD
    load_document(path)


def test_a_byte_that_is_not_utf_8_is_named_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes((GOOD + "      description: ä\n").encode() + b"# \xe9\n")
    (found,) = problems(path)
    assert found.startswith("9:3: the byte 0xe9 is not UTF-8 text")
    assert f"iconv -f ISO-8859-1 -t UTF-8 {path}" in found


def test_a_byte_order_mark_of_utf_8_is_skipped(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_document(path).functions.aws[0].lambda_.name == "one"


def with_image(image: str) -> str:
    return GOOD.replace("image: ubuntu", f"image: {image}")


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ("docker://ubuntu:24.04", "ubuntu:24.04"),
        ("docker://quay.io/a/b@sha256:" + "ab" * 32, "quay.io/a/b@sha256:" + "ab" * 32),
        ("localhost:5000/a:1", "localhost:5000/a:1"),
        ("'[::1]:5000/a'", "[::1]:5000/a"),
        ("123456789012.dkr.ecr.eu-west-1.amazonaws.com/a:V1", None),
        ("1234", "1234"),
    ],
)
def test_image_names_are_those_of_docker_pull(
    write: Write, image: str, expected: str | None
) -> None:
    spec = load_document(write(with_image(image))).functions.aws[0].lambda_
    assert spec.container.image == (expected or image)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("Ubuntu", "must be lowercase; did you mean 'ubuntu'?"),
        ("docker://Ubuntu:24.04", "did you mean 'ubuntu:24.04'?"),
        ("quay.io/Org/App:V1", "must be lowercase; did you mean 'quay.io/org/app:V1'?"),
        ("localhost:5000/Org/App", "did you mean 'localhost:5000/org/app'?"),
        ("' ubuntu'", "begins or ends with blanks"),
        ("'ubuntu\t'", "begins or ends with blanks"),
        ("'ubuntu:'", "the tag after the colon is empty"),
        ("'docker://'", "is not a valid"),
        ("'ubuntu:24 04'", "is not a valid tag"),
        ("ubuntu@latest", "is not a digest"),
        ("https://quay.io/a/b", "only docker:// can precede it"),
        ("oras://a/b", "only docker:// can precede it"),
        ("docker://docker://a", "only docker:// can precede it"),
        ("a//b", "is not a valid repository name"),
        *[
            (image, f"use `image_file: {image}`")
            for image in (
                *("./image.tar", "/a/i.tar", "../i", "image.tar", "images/a.tar.gz"),
                *("IMAGE.TGZ", "alpine.sif", "my-image.tar.zst"),
            )
        ],
        ("docker-archive:image.tar", "use `image_file: image.tar`"),
        ("docker-archive:a/image.tar:name:tag", "use `image_file: a/image.tar`"),
        ("oci-archive:image.tar", "use `image_file: image.tar`"),
        ("oci:foo", "use `image_file: foo`"),
        ("oci:foo:latest", "use `image_file: foo`"),
        ("dir:foo", "use `image_file: foo`"),
        ("docker-daemon:x:1", "(`docker save x:1 -o image.tar`) and use `image_file: image.tar`"),
        ("containers-storage:x", "use `image_file: image.tar`"),
    ],
)
def test_invalid_image_names_are_found_before_a_registry_is_asked(
    write: Write, image: str, reason: str
) -> None:
    (found,) = problems(write(with_image(image)))
    assert found.startswith("5:19: functions.aws[0].lambda.container.image: ")
    assert reason in found


@pytest.mark.parametrize(
    ("region", "suggested"),
    [
        ("eu_west_1", "eu-west-1"),
        ("EU-WEST-1", "eu-west-1"),
        ("eu west 1", "eu-west-1"),
        ("'eu-west-1 '", "eu-west-1"),
        ("eu-west-1a", "eu-west-1"),
        ("euwest1", "eu-west-1"),
        ("us-gov-east", "us-gov-east-1"),
        *[(region, f"{region}-1") for region in ("us-east", "us-west", "eu-west", "ap-southeast")],
        ("eu-wset-1", "eu-west-1"),
        ("eu-west-l", "eu-west-1"),
        ("ue-west-1", "eu-west-1"),
        ("us-est-1", "us-east-1"),
        ("us-east-0", "us-east-1"),
        ("eu-west-01", "eu-west-1"),
        ("xx-new-9", ""),
        ("Ireland", ""),
    ],
)
def test_regions_of_a_wrong_form_are_refused_with_a_suggestion(
    write: Write, region: str, suggested: str
) -> None:
    (found,) = problems(write(GOOD + f"      region: {region}\n"))
    assert "is not the name of an AWS Region" in found
    assert (f"did you mean `{suggested}`?" if suggested else "such as eu-west-1") in found


@pytest.mark.parametrize(
    "region", ["eu-west-1", "us-gov-west-1", "eusc-de-east-1", "ap-southeast-99", "garage"]
)
def test_regions_that_may_exist_are_valid(write: Write, region: str) -> None:
    path = write(GOOD + f"      region: {region}\n")
    assert load_document(path).functions.aws[0].lambda_.region == region


@pytest.mark.parametrize(
    ("content", "is_valid"),
    [
        (b"#!/bin/sh\necho\n", True),
        (b"MIME-Version: 1.0\r\nContent-Type: multipart/mixed\r\n", True),
        (b"Content-Type: text/cloud-config\r\n\r\n#cloud-config\r\n", True),
        (b"#!/bin/sh\r\necho\r\n", False),
        (b"\xef\xbb\xbf#!/bin/sh\necho\n", False),
        ("#!/bin/sh\n".encode("utf-16"), False),
    ],
)
def test_user_data_is_checked_if_it_is_a_script(
    write: Write, tmp_path: Path, content: bytes, is_valid: bool
) -> None:
    (tmp_path / "user.sh").write_bytes(content)
    path = write(GOOD + "    batch: {compute_resources: {user_data: user.sh}}\n")
    if is_valid:
        load_document(path)
        return
    (found,) = problems(path)
    assert f"{tmp_path / 'user.sh'}: line 1: " in found


def test_the_home_of_an_unknown_user_is_a_problem(write: Write) -> None:
    found = problems(write(GOOD + "      init_script: ~no-such-user/run.sh\n"))
    assert len(found) == 1
    assert "starts with the home of an unknown user" in found[0]


@pytest.mark.parametrize("line", ["retries: true", "concurrency: yes", "memory: no"])
def test_booleans_are_not_numbers(write: Write, line: str) -> None:
    found = problems(write(GOOD + f"      {line}\n"))
    assert ["must be a number, not" in text for text in found] == [True]


def test_the_command_line_takes_precedence_and_lists_are_replaced(write: Write) -> None:
    text = GOOD + "      environment: {Variables: {AA: a, BB: b}}\n"
    overrides = {
        "lambda": {"memory": 1024, "output": [], "environment": {"Variables": {"BB": "c"}}}
    }
    spec = load_document(write(text), overrides).functions.aws[0].lambda_
    assert spec.memory == 1024
    assert spec.output == ()
    assert spec.environment.Variables == {"AA": "a", "BB": "c"}


def test_a_function_can_come_from_values_alone(tmp_path: Path) -> None:
    spec = {"lambda": {"name": "n", "container": {"image": "i"}}}
    context = LoadContext(upper_layers=(SettingsLayer(source="command line", values=spec),))
    assert resolve_values(tmp_path, context).document.functions.aws[0].lambda_.name == "n"
    with pytest.raises(InvalidFdlError, match="the command line has a problem"):
        resolve_values(
            tmp_path,
            LoadContext(
                upper_layers=(SettingsLayer(source="x", values={"lambda": {"name": "n"}}),)
            ),
        )


yaml_like = st.text(alphabet="abc: -[]{}&*!|>'\"\n\t#,?%@`0.\\é", max_size=60)


@given(st.one_of(yaml_like, yaml_like.map(lambda text: f"functions:\n  aws:\n  - lambda: {text}")))
def test_any_text_is_loaded_or_has_problems(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"any-{abs(hash(text))}.yaml"
    path.write_text(text)
    try:
        load_document(path)
    except InvalidFdlError as error:
        assert error.problems  # noqa: PT017
    finally:
        path.unlink()


def test_an_image_that_is_used_unchanged_has_its_script(write: Write, tmp_path: Path) -> None:
    (tmp_path / "run.sh").write_text("#!/bin/sh\n")
    kept = [line for line in GOOD.splitlines() if not line.strip().startswith("container:")]
    own = "container: {create_image: false, image: 123456789012.dkr.ecr.eu-west-1.amazonaws.com/a}"
    text = "\n".join([*kept, f"      {own}\n"])
    assert load_document(write(text)).functions.aws[0].lambda_.container.create_image is False
    resolved = resolve_file(write(f"{text}      init_script: run.sh\n"), LoadContext())
    assert any("with the script that is in it" in note for note in resolved.notes)
    (function,) = functions_of(resolved.document)
    assert function.lambda_.init_script is None
    (problem,) = problems(write(f"{text}      extra_payload: .\n"))
    assert "omit image_file and extra_payload" in problem


def test_the_work_grows_with_the_number_of_functions(tmp_path: Path) -> None:
    path = tmp_path / "many.yaml"

    def load_many(count: int) -> int:
        functions = [
            {
                "lambda": {
                    "name": f"f-{n}",
                    "container": {"image": "x"},
                    "input": [{"path": f"photos/in-{n}"}],
                    "output": [{"path": f"photos/out-{n}"}],
                }
            }
            for n in range(count)
        ]
        path.write_text(json.dumps({"functions": {"aws": functions}}))
        return count_calls(lambda: load_document(path))

    assert load_many(40) < 2.2 * load_many(20)
