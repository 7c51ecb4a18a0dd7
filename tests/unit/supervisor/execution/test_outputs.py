"""The files that are uploaded as outputs, their keys, and what is left out."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.errors import OutputError
from supervisor.execution import output_listing
from supervisor.execution.output_listing import describe_rules, list_outputs
from supervisor.execution.outputs import is_later_sequencer
from supervisor.execution.workspace import create_workspace, safe_file_name
from supervisor.folders import remove_tree
from supervisor.model import OutputRule
from supervisor.results import LeftOut, LeftOutReason

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from supervisor.execution.workspace import Workspace

ALL = (OutputRule(provider="s3", path="data/out/"),)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Workspace]:
    with create_workspace(tmp_path) as workspace:
        yield workspace


def keys(run: Workspace, rules: tuple[OutputRule, ...] = ALL) -> list[str]:
    return [file.target.key for file in list_outputs(run.files, rules).files]


def left_out(run: Workspace, rules: tuple[OutputRule, ...] = ALL) -> dict[str, tuple[str, ...]]:
    """Return the examples by reason; assert that all entries are examples."""
    found = list_outputs(run.files, rules).left_out
    assert all(item.count == len(item.examples) for item in found)
    return {item.reason.value: item.examples for item in found}


@pytest.mark.parametrize("name", ["a b", "a+b", "ü日本😀", "%2B", "..a", "a..", "-rf", "a\nb", "*"])
def test_names_are_kept_as_they_are(run: Workspace, name: str) -> None:
    (run.outputs / "sub").mkdir()
    (run.outputs / "sub" / name).touch()
    assert keys(run) == [f"out/sub/{name}"]


def test_a_script_that_writes_nothing_has_no_outputs(run: Workspace) -> None:
    (run.outputs / "empty").mkdir()
    assert keys(run) == []
    assert left_out(run) == {}


def test_prefix_and_suffix_choose_the_folder(run: Workspace) -> None:
    for name in ("a.txt", "b.png", "c.txt"):
        (run.outputs / name).touch()
    rules = (
        OutputRule(provider="s3", path="data/text", suffix=(".txt",), prefix=("a", "b")),
        OutputRule(provider="s3", path="data/all"),
    )
    assert keys(run, rules) == ["text/a.txt", "all/a.txt", "all/b.png", "all/c.txt"]


def test_a_file_that_no_rule_selects_is_left_out_with_what_was_expected(run: Workspace) -> None:
    for number in range(7):
        (run.outputs / f"{number}.txt").touch()
    rules = (OutputRule(provider="s3", path="data/csv", suffix=(".csv", ".tsv"), prefix=("a",)),)
    (item,) = list_outputs(run.files, rules).left_out
    assert item == LeftOut(
        reason=LeftOutReason.UNMATCHED,
        count=7,
        examples=tuple(f"{number}.txt" for number in range(5)),
        expected="prefix a and suffix .csv, .tsv",
    )
    assert str(item) == "7 files did not match prefix a and suffix .csv, .tsv"


def test_the_rules_are_described_in_one_phrase() -> None:
    csv = OutputRule(provider="s3", path="a/b", suffix=(".csv",))
    assert describe_rules((csv, csv)) == "suffix .csv"
    named = OutputRule(provider="s3", path="a/b", prefix=("x",))
    assert describe_rules((csv, named)) == "suffix .csv or prefix x"
    assert "no output folder" in describe_rules(())


def test_links_to_files_and_folders_of_the_run_are_followed(run: Workspace) -> None:
    (run.root / "work" / "deep").mkdir(parents=True)
    (run.root / "work" / "deep" / "result").write_text("x")
    (run.inputs / "given").write_text("x")
    (run.outputs / "2024").mkdir()
    (run.outputs / "2024" / "a").touch()
    links = {
        "absolute": run.root / "work" / "deep" / "result",
        "relative": Path("../work/deep/result"),
        "input": run.inputs / "given",
        "folder": run.root / "work",
        "sibling": Path("2024"),
        "by itself": Path("./2024/../2024/./a"),
        "chain": Path("relative"),
        "chain to a folder": Path("sibling/"),
        "out and in": Path(f"../../{run.root.name}/input/given"),
    }
    for name, target in links.items():
        (run.outputs / name).symlink_to(target)
    assert keys(run) == [
        "out/2024/a",
        "out/absolute",
        "out/by itself",
        "out/chain",
        "out/chain to a folder/a",
        "out/folder/deep/result",
        "out/input",
        "out/out and in",
        "out/relative",
        "out/sibling/a",
    ]
    assert left_out(run) == {}


def test_the_path_that_the_kernel_shows_is_the_runs_too(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "tmp").symlink_to("real")
    with create_workspace(tmp_path / "tmp") as run:
        (run.root / "result").touch()
        (run.outputs / "given").symlink_to(run.root / "result")
        (run.outputs / "real").symlink_to((run.root / "result").resolve())
        assert keys(run) == ["out/given", "out/real"]


def test_other_links_and_special_files_are_left_out(run: Workspace, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("x")
    (tmp_path / "folder").mkdir()
    (run.root / "file").touch()
    links = {
        "to a file": "../../secret",
        "to a folder": str(tmp_path / "folder"),
        "above": "../..",
        "broken": "nothing",
        "below a file": "../file/x",
        "a file as a folder": "../file/",
        "long": "x" * 300,
        "ping": "pong",
        "pong": "ping",
        "self": "self",
        "this": ".",
        "all": "..",
    }
    for name, target in links.items():
        (run.outputs / name).symlink_to(target)
    (run.outputs / "home").symlink_to(run.root / "home" / "x")
    (run.root / "home" / "x").touch()
    os.mkfifo(run.outputs / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        try:
            os.chdir(run.outputs)  # socket paths are short
            listener.bind("socket")
        finally:
            os.chdir(here)
        # "all" is the run's own folder, so it is followed; the output folder in it is a loop.
        assert keys(run) == ["out/all/file"]
        found = left_out(run)
    assert found == {
        "outside": ("above", "all/home", "home", "to a file", "to a folder"),
        "dangling": ("a file as a folder", "below a file", "broken", "long"),
        "loop": ("all/output", "ping", "pong", "self", "this"),
        "special": ("pipe", "socket"),
    }


def test_what_leaves_the_run_is_counted_without_being_looked_at(run: Workspace) -> None:
    targets = ("/", "/proc/1/root", f"/proc/self/cwd/{run.root}", "/nothing", "/self/loop")
    for number, target in enumerate((*targets, *targets)):
        (run.outputs / f"{number}").symlink_to(target)
    (item,) = list_outputs(run.files, ALL).left_out
    assert (item.reason, item.count) == (LeftOutReason.OUTSIDE, 10)
    assert item.examples == ("0", "1", "2", "3", "4")
    assert str(item) == "10 links out of the run's folders not uploaded"


def test_links_between_folders_end(run: Workspace) -> None:
    for name in ("a", "b"):
        (run.outputs / name).mkdir()
        (run.outputs / name / "file").touch()
    (run.outputs / "a" / "to b").symlink_to("../b")
    (run.outputs / "b" / "to a").symlink_to("../a")
    assert keys(run) == ["out/a/file", "out/a/to b/file", "out/b/file", "out/b/to a/file"]
    assert left_out(run) == {"loop": ("a/to b/to a", "b/to a/to b")}


def test_folders_that_all_link_to_each_other_are_an_error(run: Workspace) -> None:
    names = [str(number) for number in range(12)]
    for name in names:
        (run.outputs / name).mkdir()
        for other in names:
            (run.outputs / name / f"to {other}").symlink_to(f"../{other}")
    with pytest.raises(OutputError, match="Links to folders"):
        keys(run)


@pytest.mark.parametrize("limit", ["MAX_FILES", "MAX_FOLDERS"])
def test_the_number_of_files_and_folders_has_a_limit(
    run: Workspace, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(output_listing, limit, 20)
    for number in range(19):
        (run.outputs / f"d{number}").mkdir()
    for number in range(20):
        (run.outputs / f"f{number}").touch()
    assert len(keys(run)) == 20
    if limit == "MAX_FILES":
        (run.outputs / "one more").touch()
    else:
        (run.outputs / "one more").mkdir()
    with pytest.raises(OutputError, match="more than 20"):
        keys(run)


def test_the_output_folder_may_be_made_anew_or_be_a_link_into_the_run(run: Workspace) -> None:
    run.outputs.rmdir()
    run.outputs.mkdir()
    (run.outputs / "a").touch()
    assert keys(run) == ["out/a"]
    run.outputs.rename(run.root / "results")
    run.outputs.symlink_to("results")
    assert keys(run) == ["out/a"]


def replaced_by_a_file(run: Workspace) -> None:
    run.outputs.rmdir()
    run.outputs.touch()


def replaced_by_a_link(target: str) -> Callable[[Workspace], None]:
    def replace(run: Workspace) -> None:
        run.outputs.rmdir()
        run.outputs.symlink_to(target)

    return replace


def replaced_by_a_fifo(run: Workspace) -> None:
    run.outputs.rmdir()
    os.mkfifo(run.outputs)


def nested_1500_levels(run: Workspace) -> None:
    here = os.open(run.outputs, os.O_RDONLY)
    for _ in range(1500):
        os.mkdir("d", dir_fd=here)
        here, above = os.open("d", os.O_RDONLY, dir_fd=here), here
        os.close(above)
    os.close(os.open("file", os.O_CREAT, dir_fd=here))
    os.close(here)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda run: run.outputs.rmdir(), "removed its output folder"),
        (lambda run: remove_tree(run.root), "removed its output folder"),
        (replaced_by_a_file, "by a file"),
        (replaced_by_a_fifo, "by a file"),
        (replaced_by_a_link("/etc"), "by a link"),
        (replaced_by_a_link("../.."), "by a link"),
        (replaced_by_a_link("/etc/passwd"), "by a link"),
        (replaced_by_a_link("output"), "by a link"),
        (replaced_by_a_link("nothing"), "by a link"),
        (replaced_by_a_link("home"), "by a link"),
        (nested_1500_levels, "levels of folders"),
    ],
    ids=range(11),
)
def test_an_output_folder_that_cannot_be_used_is_explained(
    run: Workspace, change: Callable[[Workspace], None], words: str
) -> None:
    change(run)
    with pytest.raises(OutputError, match=words) as caught:
        keys(run)
    assert caught.value.remedy


def test_a_moved_run_is_listed_where_it_is(run: Workspace, tmp_path: Path) -> None:
    (run.outputs / "a").touch()
    run.root.rename(tmp_path / "moved")
    run.root.symlink_to("/etc")
    assert keys(run) == ["out/a"]


def test_a_key_that_is_too_long_is_rejected_before_any_upload(run: Workspace) -> None:
    deep = run.outputs / ("ü" * 120) / ("ü" * 120) / ("ü" * 120) / ("ü" * 120)
    deep.mkdir(parents=True)
    (run.outputs / "a").touch()
    (deep / ("x" * 56)).touch()
    assert len(keys(run)[1].encode()) == 1024
    (deep / ("x" * 57)).touch()
    with pytest.raises(OutputError, match="1025 bytes"):
        keys(run)


def test_a_name_that_is_not_utf8_is_rejected_only_if_it_is_selected(run: Workspace) -> None:
    Path(os.fsdecode(bytes(run.outputs) + b"/\xff")).touch()
    with pytest.raises(OutputError, match="not UTF-8"):
        keys(run)
    csv = (OutputRule(provider="s3", path="data/csv", suffix=(".csv",)),)
    assert left_out(run, csv) == {"unmatched": ("\\udcff",)}


def test_long_names_are_shortened_in_examples(run: Workspace) -> None:
    (run.outputs / ("x" * 200)).mkdir()
    (run.outputs / ("x" * 200) / ("y" * 200)).touch()
    csv = (OutputRule(provider="s3", path="data/csv", suffix=(".csv",)),)
    (example,) = left_out(run, csv)["unmatched"]
    assert (len(example), example[-1]) == (255, "…")


def test_descriptors_are_closed(run: Workspace) -> None:
    (run.outputs / "a").mkdir()
    (run.outputs / "a" / "b").symlink_to("../../input")
    (run.outputs / "loop").symlink_to("loop")
    list_outputs(run.files, ALL)
    before = os.listdir("/proc/self/fd")  # noqa: PTH208
    list_outputs(run.files, ALL)
    run.outputs.chmod(0o700)
    assert len(os.listdir("/proc/self/fd")) == len(before)  # noqa: PTH208


names = st.sampled_from(["a", "b", "c", "output", "input", "home", "..", ".", "x y"])
targets = st.lists(names, min_size=1, max_size=5).map("/".join)


@given(st.dictionaries(st.sampled_from("abcdefgh"), targets, max_size=8), st.data())
def test_links_lead_where_the_kernel_leads_or_are_left_out(
    tmp_path_factory: pytest.TempPathFactory, links: dict[str, str], data: st.DataObject
) -> None:
    """Compare with realpath(), whatever the links look like; nothing outside is listed."""
    parent = tmp_path_factory.mktemp("run")
    (parent / "a").write_text("outside")
    with create_workspace(parent) as run:
        places = {"output": run.outputs, "root": run.root, "input": run.inputs}
        for place in places.values():
            (place / "file").write_text("inside")
        for name, target in links.items():
            place = places[data.draw(st.sampled_from(sorted(places)))]
            prefix = data.draw(st.sampled_from(["", f"{run.root}/", "/"]))
            (place / name).symlink_to(prefix + target)
        for file in list_outputs(run.files, ALL).files:
            real = Path(os.path.realpath(run.outputs / file.name))
            assert real == run.root.resolve().joinpath(*file.parts)
            assert real.read_text() == "inside"
            assert not real.is_relative_to(run.root / "home")


_UNPRIVILEGED = """
import os, sys, tempfile
sys.path.insert(0, sys.argv[1])
from pathlib import Path
from supervisor.errors import OutputError
from supervisor.execution.output_listing import list_outputs
from supervisor.execution.workspace import create_workspace
from supervisor.model import OutputRule
# Root lists what a script of user 65534 has left, or moved there without the right to read it.
as_root = sys.argv[2] != "lambda"
if os.getuid() == 0 and not as_root:
    os.setgroups([]); os.setresgid(65534, 65534, 65534); os.setresuid(65534, 65534, 65534)
with create_workspace(Path(tempfile.mkdtemp(dir="/tmp"))) as run:
    entry = run.outputs / "entry"
    {
        "folder": lambda: entry.mkdir(),
        "file": lambda: entry.touch(),
        "output": lambda: (run.outputs / "x").touch(),
        "nested": lambda: (entry.mkdir(), (entry / "x").touch()),
        "link": lambda: ((run.root / "w").mkdir(), (run.root / "w" / "x").touch(),
                         entry.symlink_to("../w/x"))
    }[sys.argv[3]]()
    if as_root:
        for path in (run.root, *run.root.rglob("*")):
            os.chown(path, 65534, 65534, follow_symlinks=False)
    places = {"output": run.outputs, "link": run.root / "w"}
    target = places.get(sys.argv[3], entry)
    target.chmod(0o700 if sys.argv[2] == "moved in" else 0)
    if sys.argv[2] == "moved in":
        os.chown(target, 0, 0)
    try:
        list_outputs(run.files, (OutputRule(provider="s3", path="data/out"),))
    except OutputError as error:
        print(error.problem, error.remedy)
os.rmdir(run.root.parent)
"""


@pytest.mark.parametrize("service", ["lambda", "batch", "moved in"])
@pytest.mark.parametrize("entry", ["folder", "file", "output", "nested", "link"])
def test_what_the_scripts_user_may_not_read_is_an_error_in_all_modes(
    service: str, entry: str
) -> None:
    if service != "lambda" and os.geteuid() != 0:
        pytest.skip("needs root")
    done = subprocess.run(
        [sys.executable, "-c", _UNPRIVILEGED, str(Path(__file__).parents[4]), service, entry],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert "not readable" in done.stdout, done.stderr
    assert "chmod" in done.stdout


def test_sequencers_are_compared_as_s3_specifies() -> None:
    assert is_later_sequencer("00B0", "00a9ff")
    assert not is_later_sequencer("00A9", "00a900")
    assert not is_later_sequencer("", "00")


@given(st.text())
def test_the_input_file_never_leaves_its_folder(key: str) -> None:
    name = safe_file_name(key)
    assert name not in ("", ".", "..")
    assert "/" not in name
    assert "\0" not in name
    assert len(name.encode()) <= 255


def test_a_long_input_name_keeps_its_suffix() -> None:
    assert safe_file_name("in/" + "ü" * 200 + ".txt").endswith("ü.txt")
