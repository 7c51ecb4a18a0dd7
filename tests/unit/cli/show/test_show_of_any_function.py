"""``scar show`` shows each function that can exist, as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import fields
from io import StringIO
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from scar.aws.model import resources
from scar.aws.model.resources import CorsRules, FunctionUrl, HttpApi, Resource
from scar.aws.model.resources.batch import job_storage
from scar.cli.main import run
from scar.hidden_text import HiddenText
from tests.fakes.options.batch_option_sets import function_sections
from tests.fakes.options.batch_options import write
from tests.fakes.services import FakeServices
from tests.profiles import examples

if TYPE_CHECKING:
    from pathlib import Path

SECRET = "hush-hush"
KINDS = sorted(
    name
    for name, found in ((name, getattr(resources, name)) for name in resources.__all__)
    if isinstance(found, type) and issubclass(found, Resource) and hasattr(found, "kind")
)
ENDPOINT_SECTIONS: tuple[dict[str, Any], ...] = (
    {},
    {"name": "gray", "cors": {"allow_origins": ["https://a.test"], "max_age": 60}},
    {
        "type": "url",
        "authentication": "NONE",
        "max_body": 1_000_000,
        "cors": {"allow_origins": ["*"]},
    },
    {"name": "gray", "throttling": {"rate": 10, "burst": 20}},
)


def values_of(kind: Any) -> st.SearchStrategy[Any]:  # noqa: ANN401 a class or a union
    """Return a strategy with any value of each field: other tests mostly have defaults."""
    if kind is HiddenText:
        return st.just(HiddenText(SECRET))
    if not hasattr(kind, "__dataclass_fields__"):
        return st.from_type(kind)
    # Modules of resources import what only their hints need for the type checker alone.
    hints = get_type_hints(kind, localns={"Mapping": Mapping, **vars(job_storage)})
    return st.builds(kind, **{f.name: values_of(hints[f.name]) for f in fields(kind)})


def shown(services: FakeServices, *arguments: str) -> str:
    with redirect_stdout(StringIO()) as out:
        assert run(["show", *arguments], services) == 0
    return out.getvalue()


def any_resource(name: str) -> st.SearchStrategy[Resource]:
    found: st.SearchStrategy[Resource] = values_of(getattr(resources, name))
    if name != "BatchTargetRecord":
        return found
    # Its text is a document that scar itself writes.
    texts = st.dictionaries(st.text(), st.none() | st.integers() | st.text()).map(json.dumps)
    return st.builds(resources.BatchTargetRecord, name=st.text(), bucket=st.text(), text=texts)


@settings(max_examples=examples(10))
@given(st.tuples(*map(any_resource, KINDS)))
def test_each_resource_with_any_values_is_shown(of_function: tuple[Resource, ...]) -> None:
    services = FakeServices({}, resources=[*of_function])
    for arguments in ([], ["--env"], ["--secrets"], ["-j"]):
        assert SECRET not in shown(services, "-n", "gray", *arguments)


@pytest.mark.parametrize("endpoint", [HttpApi, FunctionUrl])
def test_the_rules_of_an_endpoint_have_a_row_each(endpoint: type[HttpApi | FunctionUrl]) -> None:
    cors = CorsRules(allow_origins=("https://a.test",), max_age=60)
    services = FakeServices({}, resources=[endpoint(name="gray", cors=cors)])
    rows = [line.split()[2:] for line in shown(services, "-n", "gray").splitlines()]
    assert ["cors.allow_origins", '["https://a.test"]'] in rows
    assert ["cors.max_age", "60"] in rows


@settings(max_examples=examples(10))
@given(section=function_sections(), endpoint=st.sampled_from(ENDPOINT_SECTIONS))
def test_each_function_of_a_file_is_shown(
    tmp_path_factory: pytest.TempPathFactory, section: dict[str, Any], endpoint: dict[str, Any]
) -> None:
    folder: Path = tmp_path_factory.mktemp("file")
    if endpoint:
        section = {**section, "api_gateway": endpoint}
    file = write(folder, section)
    assume(run(["validate", "-f", str(file)], FakeServices({})) == 0)
    for arguments in ([], ["--env"], ["-j"]):
        assert "crop" in shown(FakeServices({}), "-f", str(file), *arguments)
