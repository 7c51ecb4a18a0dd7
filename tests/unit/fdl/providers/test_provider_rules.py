"""Stores of inputs and outputs: which are accepted, what they need, what is said about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from scar.aws.compile.from_fdl import functions_of
from scar.fdl.loader import LoadContext, resolve_file
from scar.fdl.problems import InvalidFdlError
from scar.fdl.rules.secret_variables import read_secret_variables

if TYPE_CHECKING:
    from pathlib import Path

    from scar.fdl.loader import ResolvedDocument

SECRET = "hunter2-never-shown"
KEYS = 'access_key: "${env:KEY}", secret_key: "${env:SECRET}"'
PROVIDERS = f"""
storage_providers:
  s3:
    mine: {{}}
    other: {{{KEYS}}}
    garage: {{endpoint: "https://s3.example.org", {KEYS}}}
  minio:
    lab: {{endpoint: minio.example.org, {KEYS}}}
    hooked: {{endpoint: minio.example.org, {KEYS}, webhook_token: "${{env:HOOK}}"}}
  webdav:
    cloud: {{hostname: cloud.example.org/dav/ana, login: ana, password: "${{ssm:/cloud}}"}}
  onedata:
    space: {{oneprovider_host: one.example.org, token: "${{ssm:/one}}", space: mine}}
"""


def resolve(
    folder: Path, *lines: str, providers: str = PROVIDERS, endpoint: str = ""
) -> ResolvedDocument:
    path = folder / "f.yaml"
    entry = ["name: crop", "container: {image: ubuntu}", *lines]
    text = "functions:\n  aws:\n  - lambda:\n" + "".join(f"      {line}\n" for line in entry)
    path.write_text(text + (f"    api_gateway: {endpoint}\n" if endpoint else "") + providers)
    return resolve_file(path, LoadContext())


def problem(folder: Path, *lines: str, providers: str = PROVIDERS, endpoint: str = "") -> str:
    with pytest.raises(InvalidFdlError) as caught:
        resolve(folder, *lines, providers=providers, endpoint=endpoint)
    return caught.value.problem


def storage(kind: str, provider: str, path: str = "box/in") -> str:
    return f"{kind}: [{{storage_provider: {provider}, path: {path}}}]"


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (storage("output", "rucio.x"), "Rucio is not supported"),
        (storage("output", "dcache.x"), "dCache speaks WebDAV"),
        (storage("output", "mino.lab"), "did you mean minio?"),
        (storage("output", "gcs"), "'gcs' is not supported; s3, minio, webdav, onedata are"),
        (storage("output", "minio"), "needs the name of an entry of storage_providers.minio"),
        (storage("output", "minio.labb"), "has no 'labb'; did you mean lab?"),
        (storage("input", "webdav.cloud"), "WebDAV servers send no events"),
        (storage("input", "onedata.space"), "events of OneData are not served"),
        (storage("input", "s3.other"), "scar cannot make notifications in another account"),
        (storage("input", "s3.garage"), "use storage_providers.minio"),
        (storage("output", "webdav.cloud", "a/../b"), "is not the path of a folder"),
        (storage("output", "minio.lab", "No_Bucket/a"), "is not a valid bucket name"),
        (
            "output: [{storage_provider: minio.lab, path: box/a, sse: AES256}]",
            "is for the account's S3 only",
        ),
    ],
)
def test_what_cannot_work_is_refused_with_the_remedy(tmp_path: Path, line: str, text: str) -> None:
    assert text in problem(tmp_path, line)


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ("minio: {lab: {endpoint: h}}", "minio.lab: secret_key is required"),
        ("minio: {lab: {endpoint: 'ftp://h', " + KEYS + "}}", "must begin with https:// or http"),
        ("minio: {lab: {endpoint: 'http://h/path', " + KEYS + "}}", "has a path"),
        ("minio: {lab: {endpoint: 'http://h:99999', " + KEYS + "}}", "is not a URL"),
        (
            "minio: {lab: {endpoint: 'http://u:" + "hidden@h', " + KEYS + "}}",
            "has a user or a pass",
        ),
        ("minio: {lab: {endpoint: h, region: 'a b', " + KEYS + "}}", "region: is not valid"),
        ("minio: {lab: {endpoint: h, secretkey: hidden}}", "secretkey: there is no such key"),
        ("minio: {lab: hidden}", "minio.lab: must have keys below it"),
    ],
)
def test_entries_are_checked_without_showing_their_values(
    tmp_path: Path, entry: str, text: str
) -> None:
    providers = f"storage_providers:\n  {entry}\n"
    found = problem(tmp_path, storage("output", "minio.lab"), providers=providers)
    assert text in found
    assert "hidden" not in found
    assert "has no 'lab'" not in found


@pytest.mark.parametrize(
    ("provider", "keys", "text"),
    [
        ("webdav.x", "hostname: h, login: ana", ": password is required and missing"),
        ("webdav.x", "hostname: h, password: x", ": login is required and missing"),
        ("webdav.x", "hostname: h, token: t, login: a, password: x", ".token: is used instead of"),
        ("webdav.x", "hostname: h, token: t, password: x", ".token: is used instead of"),
        ("webdav.x", "hostname: h, login: 'a:b', password: x", ".login: has a colon"),
        ("s3.x", "session_token: t", ": access_key is required and missing"),
        ("s3.x", "endpoint: h", ": access_key is required and missing"),
        ("s3.x", "secret_key: s", ": access_key is required and missing"),
    ],
)
def test_credentials_are_complete_and_used(
    tmp_path: Path, provider: str, keys: str, text: str
) -> None:
    kind = provider.partition(".")[0]
    providers = f"storage_providers: {{{kind}: {{x: {{{keys}}}}}}}\n"
    found = problem(tmp_path, storage("output", provider), providers=providers)
    assert f"storage_providers.{provider}{text}" in found


BOTH = (
    "input: [{storage_provider: minio.lab, path: %s}, {storage_provider: minio.hooked, path: %s}]"
)


@pytest.mark.parametrize(
    ("one", "other"), [("box/in", "box/in"), ("box/in", "box"), ("box/in", "box/in/x, suffix: [a]")]
)
def test_folders_of_two_minio_servers_must_be_distinguishable(
    tmp_path: Path, one: str, other: str
) -> None:
    assert "events of MinIO do not say which server" in problem(tmp_path, BOTH % (one, other))


@pytest.mark.parametrize(
    ("one", "other"),
    [("box/in", "other/in"), ("box/in", "box/input"), ("box/in, suffix: [a]", "box, suffix: [b]")],
)
def test_events_of_two_minio_servers_in_different_folders(
    tmp_path: Path, one: str, other: str
) -> None:
    (function,) = resolve(tmp_path, BOTH % (one, other)).document.functions.aws
    assert len(function.lambda_.input) == 2


@pytest.mark.parametrize("provider", ["s3.other", "minio.lab", "webdav.cloud", "onedata.space"])
def test_every_store_can_have_outputs(tmp_path: Path, provider: str) -> None:
    (function,) = functions_of(resolve(tmp_path, storage("output", provider)).document)
    assert [p.name for p in function.providers] == [provider]
    assert function.buckets == ()
    assert function.account_outputs == ()


def test_an_entry_without_keys_and_endpoint_is_the_account_s_s3(tmp_path: Path) -> None:
    (function,) = functions_of(resolve(tmp_path, storage("output", "S3.mine")).document)
    assert function.providers == ()
    assert function.buckets == ("box",)


def test_secrets_are_references_below_the_path_of_the_function(tmp_path: Path) -> None:
    resolved = resolve(tmp_path, storage("output", "webdav.cloud", "My Files/out"))
    (function,) = functions_of(resolved.document)
    (provider,) = function.providers
    assert provider.options == {"hostname": "https://cloud.example.org/dav/ana"}
    assert provider.secrets == {
        "login": "ssm:/scar/crop/webdav.cloud/login",
        "password": "ssm:/cloud",
    }
    assert [name for name, _ in function.stored_secrets] == ["/scar/crop/webdav.cloud/login"]
    assert function.stored_secrets[0][1].reveal() == "ana"
    assert function.secret_references == ("ssm:/cloud",)


def test_options_are_texts_without_the_defaults(tmp_path: Path) -> None:
    plain = "endpoint: minio.example.org, "
    providers = PROVIDERS.replace(plain, f"{plain}verify: false, conditional_writes: true, ")
    resolved = resolve(tmp_path, storage("output", "minio.lab"), providers=providers)
    (function,) = functions_of(resolved.document)
    assert function.providers[0].options == {
        "endpoint": "https://minio.example.org",
        "verify": "false",
        "conditional_writes": "true",
    }
    assert any("minio.lab: verify: false" in note for note in resolved.notes)


def test_a_missing_variable_is_a_problem_of_its_line(tmp_path: Path) -> None:
    resolve(tmp_path, storage("output", "minio.lab"))
    context = LoadContext(secret_environment={"SECRET": "x\ny", "HOOK": ""})
    with pytest.raises(InvalidFdlError) as caught:
        resolve_file(tmp_path / "f.yaml", context)
    text = caught.value.problem
    assert "Set the variables" in caught.value.remedy
    lines = (tmp_path / "f.yaml").read_text().splitlines()
    number = next(n for n, line in enumerate(lines, start=1) if "lab:" in line)
    assert f"{tmp_path}/f.yaml:{number}:" in text
    assert "minio.lab.access_key: the environment variable KEY is not set" in text
    assert "environment variable SECRET has a line break" in text
    assert "HOOK" not in text  # of an entry that no function uses


def test_a_variable_that_is_not_utf_8_is_refused_without_its_value(tmp_path: Path) -> None:
    resolve(tmp_path, storage("output", "minio.lab"))
    # As Python reads the bytes \xff\xfe of the environment.
    context = LoadContext(secret_environment={"KEY": "ü", "SECRET": "hidden\udcff\udcfe"})
    with pytest.raises(InvalidFdlError) as caught:
        resolve_file(tmp_path / "f.yaml", context)
    text = caught.value.problem
    assert "the value of the environment variable SECRET is not text in UTF-8" in text
    assert "the environment variable KEY has characters other than ASCII" in text
    assert "hidden" not in text
    assert "ü" not in text


def test_keys_that_are_sent_in_headers_are_ascii(tmp_path: Path) -> None:
    keys = 's3: {a: {access_key: "üü", secret_key: "üü", session_token: "üü"}}'
    found = problem(tmp_path, providers=f"storage_providers: {{{keys}}}\n")
    assert "s3.a.access_key: has characters other than ASCII" in found
    assert "s3.a.session_token: has characters other than ASCII" in found
    assert "s3.a.secret_key" not in found
    assert "ü" not in found


def test_values_of_variables_are_in_nothing_that_is_shown(tmp_path: Path) -> None:
    resolved = resolve(tmp_path, storage("output", "minio.lab"))
    environment = {"KEY": SECRET, "SECRET": SECRET}
    variables = read_secret_variables(resolved.document, environment)
    (function,) = functions_of(resolved.document, variables)
    assert [value.reveal() for _, value in function.stored_secrets] == [SECRET, SECRET]
    assert SECRET not in f"{function!r}{variables!r}{resolved!r}"


def test_references_to_secrets_are_for_secret_keys_only(tmp_path: Path) -> None:
    found = problem(tmp_path, 'description: "${env:HOME}"')
    assert "${env:HOME} is for the secret keys of storage_providers" in found
    assert "lambda.container.secrets" in found


@pytest.mark.parametrize("value", ["x${env:A}", "${env:A}${env:B}", "${env:1}", "${ssm:a b}"])
def test_a_reference_is_the_whole_value(tmp_path: Path, value: str) -> None:
    providers = f'storage_providers: {{s3: {{a: {{secret_key: "{value}"}}}}}}\n'
    assert "s3.a.secret_key: " in problem(tmp_path, providers=providers)


def test_secrets_in_the_file_are_accepted_and_noted_once(tmp_path: Path) -> None:
    providers = (
        "storage_providers:\n  minio:\n"
        f"    lab: {{endpoint: 'http://minio.lab:9000', access_key: me, secret_key: {SECRET}}}\n"
    )
    resolved = resolve(tmp_path, storage("output", "minio.lab"), providers=providers)
    plain, unencrypted = resolved.notes
    assert plain.startswith(f"{tmp_path}/f.yaml:9: storage_providers.minio.lab has secret_key in ")
    assert "http://minio.lab:9000 is not encrypted" in unencrypted
    assert SECRET not in f"{resolved!r}"


def test_requests_within_this_machine_need_no_encryption(tmp_path: Path) -> None:
    providers = PROVIDERS.replace("minio.example.org", "'http://127.0.0.1:9000'")
    resolved = resolve(tmp_path, storage("output", "minio.lab"), providers=providers)
    assert not any("not encrypted" in note for note in resolved.notes)


def test_entries_without_a_folder_are_named(tmp_path: Path) -> None:
    notes = resolve(tmp_path, storage("output", "s3.other")).notes
    named = [note.partition("storage_providers.")[2].partition(" is ")[0] for note in notes]
    assert named == ["s3.garage", "minio.lab", "minio.hooked", "webdav.cloud", "onedata.space"]


def test_an_open_endpoint_needs_a_token_for_the_events_of_minio(tmp_path: Path) -> None:
    line, endpoint = storage("input", "minio.lab"), "{type: url, authentication: NONE}"
    assert "webhook_token is required" in problem(tmp_path, line, endpoint=endpoint)


def test_what_to_configure_in_minio_is_said(tmp_path: Path) -> None:
    line = "input: [{storage_provider: minio.hooked, path: box/my in, suffix: .jpg}]"
    resolved = resolve(tmp_path, line, endpoint="{type: url, authentication: NONE}")
    (note,) = [note for note in resolved.notes if "mc admin" in note]
    assert "mc event add ALIAS/box arn:minio:sqs::CROP:webhook --event put" in note
    assert "--prefix 'my in/' --suffix .jpg" in note


def test_without_an_endpoint_the_note_says_how_events_arrive(tmp_path: Path) -> None:
    notes = resolve(tmp_path, storage("input", "minio.lab")).notes
    (note,) = [note for note in notes if "has no HTTP endpoint" in note]
    assert "`scar invoke -n crop -jd event.json`" in note


def test_the_same_folder_of_another_store_is_no_loop_and_no_overlap(tmp_path: Path) -> None:
    inputs = "input: [{path: box/in}, {storage_provider: minio.lab, path: box/in}]"
    resolve(tmp_path, inputs, storage("output", "minio.hooked", "box/in"))
    assert "would start the function again" in problem(
        tmp_path, inputs, storage("output", "minio.lab", "box/in/x")
    )
