"""The documents name files, links and make targets that exist, and diagrams that are up to date."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING

import pytest

from tests import structure

if TYPE_CHECKING:
    from pathlib import Path

ROOT = structure.ROOT
PATH_DOCUMENTS = (
    *("README.md", "CONTRIBUTING.md", "AGENTS.md"),
    *("docs/architecture.md", "docs/security.md"),
)

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_REPOSITORY_PATH = re.compile(r"(?:scar|supervisor|tests|docs|bench|examples)/[\w./-]*")
# In docs/architecture.md: modules relative to the program or package that a section is about.
_MODULE_FILE = re.compile(r"[a-z_][\w/]*\.py")
_MODULE_NAME = re.compile(r"(?:scar\.)?(?:aws|fdl|image|runs|cli|local)(?:\.[a-z_]+)+")
_MODULE_ROOTS = tuple(ROOT / name for name in ("", "scar", "scar/local", "supervisor"))
_MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")
_TEST_NAME = re.compile(r"test_\w+")
_TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def markdown_files() -> list[str]:
    """Return the documents of the repository, without those of environments and caches."""
    folders = (ROOT, ROOT / "docs", ROOT / "docs" / "decisions", *(ROOT / "examples").glob("*/"))
    found = [path for folder in folders for path in folder.glob("*.md")]
    found += (ROOT / ".github").rglob("*.md")
    return sorted(path.relative_to(ROOT).as_posix() for path in found)


def _code(text: str) -> list[str]:
    return [*_FENCE.findall(text), *_CODE.findall(_FENCE.sub("", text))]


def anchors(text: str) -> set[str]:
    """Return the anchors that GitHub derives from the headings of a document."""
    plain = (re.sub(r"[^\w\s-]", "", heading.lower()) for heading in _HEADING.findall(text))
    return {heading.strip().replace(" ", "-") for heading in plain}


def broken_links(document: Path) -> list[str]:
    """Return the relative links of a document whose file or heading does not exist."""
    broken = []
    for link in _LINK.findall(_FENCE.sub("", document.read_text())):
        name, _, anchor = link.partition("#")
        if "://" in link or link.startswith("mailto:"):
            continue
        target = document.parent / name if name else document
        is_broken_anchor = anchor and target.is_file() and anchor not in anchors(target.read_text())
        if not target.exists() or is_broken_anchor:
            broken.append(link)
    return broken


def missing_paths(text: str) -> list[str]:
    """Return the paths of this repository, in code, that do not exist."""
    words = (word.partition("=")[2] or word for code in _code(text) for word in code.split())
    paths = (word.strip("\"'();,") for word in words)
    return [
        path for path in paths if _REPOSITORY_PATH.fullmatch(path) and not (ROOT / path).exists()
    ]


def missing_modules(text: str) -> list[str]:
    """Return the files and dotted names of modules, in code spans, that do not exist."""
    missing = []
    for span in _CODE.findall(_FENCE.sub("", text)):
        if _MODULE_FILE.fullmatch(span):
            paths = [root / span for root in _MODULE_ROOTS]
        elif _MODULE_NAME.fullmatch(span):
            path = span.removeprefix("scar.").replace(".", "/")
            paths = [ROOT / "scar" / path, ROOT / "scar" / f"{path}.py"]
        else:
            continue
        if not any(path.exists() for path in paths):
            missing.append(span)
    return missing


def missing_targets(text: str, makefile: str) -> list[str]:
    """Return the targets of ``make`` in code that the Makefile does not define."""
    named = {target for code in _code(text) for target in _MAKE.findall(code)}
    return sorted(named - {*_TARGET.findall(makefile)})


@pytest.mark.parametrize("name", markdown_files())
def test_relative_links_resolve(name: str) -> None:
    assert broken_links(ROOT / name) == []


@pytest.mark.parametrize("name", PATH_DOCUMENTS)
def test_paths_in_code_exist(name: str) -> None:
    assert missing_paths((ROOT / name).read_text()) == []


def test_modules_in_the_architecture_exist() -> None:
    assert missing_modules(structure.ARCHITECTURE.read_text()) == []


@functools.cache
def all_test_names() -> frozenset[str]:
    """Return the names of all test functions and test modules."""
    names: set[str] = set()
    for path in (ROOT / "tests").rglob("*.py"):
        names |= {path.stem, *re.findall(r"(?m)^ *def (test_\w+)", path.read_text())}
    return frozenset(names)


@pytest.mark.parametrize("name", markdown_files())
def test_tests_in_code_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    spans = [span for span in _CODE.findall(_FENCE.sub("", text)) if _TEST_NAME.fullmatch(span)]
    assert set(spans) - all_test_names() == set()


def test_each_row_of_the_engines_names_its_test() -> None:
    text = (ROOT / "docs/local-cloud.md").read_text()
    table = text.partition("| | docker | sandbox | process | test |\n")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()[1:]]
    without = [row[0] for row in rows if not _TEST_NAME.search(row[-1])]
    # What no engine isolates, or what cannot be tested without measuring time.
    assert without == ["vCPU limit in Batch", "network, with abstract Unix sockets"]
    assert len(rows) > 10


def test_each_row_of_what_was_tried_names_what_repeats_it() -> None:
    text = (ROOT / "docs/security.md").read_text()
    table = text.partition("| what | tried | result | repeat it |\n")[2].partition("\n\n")[0]
    rows = [row.strip("| ").split(" | ") for row in table.splitlines()[1:]]
    assert {len(row) for row in rows} == {4}
    for what, tried, _, repeat in rows:
        assert re.search(r"\d|whole repository", tried), what
        spans = _CODE.findall(repeat)
        assert spans, what
        for span in spans:
            is_test = span in all_test_names() or (ROOT / span).is_file()
            module = re.match(r"python -m ([\w.]+)", span)
            is_bench = module and (ROOT / f"{module[1].replace('.', '/')}.py").is_file()
            assert is_test or is_bench or _MAKE.match(span), (what, span)
    assert len(rows) > 15


@pytest.mark.parametrize("name", PATH_DOCUMENTS)
def test_make_targets_exist(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert missing_targets((ROOT / name).read_text(), makefile) == []


def test_the_diagrams_are_those_of_the_import_contracts() -> None:
    text = structure.ARCHITECTURE.read_text()
    assert structure.with_diagrams(text) == text


def test_broken_references_are_found(tmp_path: Path) -> None:
    text = (
        "# One heading\n[ok](a.md#one-heading) [gone](b.md) [wrong](#two) [out](https://e.x/y)\n"
        "`scar/cli/main.py` `scar/no/such.py` `make test T=tests/unit/gone.py` `make dream`\n"
        "```sh\nmake check\nmake nightmare\n[code](c.md)\npytest tests/gone\n```\n"
        "`runs/leases.py` `runs/gone.py` `aws.model.plan` `scar.aws.gone`\n"
    )
    document = tmp_path / "a.md"
    document.write_text(text)
    assert broken_links(document) == ["b.md", "#two"]
    assert missing_paths(text) == ["tests/gone", "scar/no/such.py", "tests/unit/gone.py"]
    assert missing_modules(text) == ["scar/no/such.py", "runs/gone.py", "scar.aws.gone"]
    assert missing_targets(text, "check: x\ntest:\n") == ["dream", "nightmare"]


@pytest.mark.parametrize("name", [n for n in markdown_files() if not n.startswith(".github/")])
def test_every_heading_has_text_below_it(name: str) -> None:
    text = _FENCE.sub("code", (ROOT / name).read_text())
    headings = re.findall(r"^(#+) (.+)\n+(?:(#+) .+\n|\Z)", text, re.MULTILINE)
    # A heading may be followed at once by one of a lower level.
    assert [title for level, title, following in headings if len(following) <= len(level)] == []
