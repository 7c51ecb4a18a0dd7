"""Calls in quick succession: they share warm sandboxes, also those that came in other threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest
import requests

from scar.local.lambda_.service import LambdaServiceSettings
from tests.fakes.local_cloud import LocalCloudProcess, a_local_cloud, function
from tests.fakes.script_fault_tests import IN_BATCH
from tests.waiting import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.container

CALLS = 6
URL = {"type": "url", "authentication": "NONE"}


@pytest.fixture(scope="module", params=["docker", "sandbox"])
def cloud(request: pytest.FixtureRequest) -> Iterator[LocalCloudProcess]:
    functions = (
        function("in-turn"),
        function("at-once"),
        function("job", execution_mode="batch", batch=IN_BATCH),
    )
    with_urls = [{**described, "api_gateway": URL} for described in functions]
    yield from a_local_cloud(request.param, *with_urls)


def url_of(cloud: LocalCloudProcess, name: str) -> str:
    return str(cloud.client("lambda").get_function_url_config(FunctionName=name)["FunctionUrl"])


def cold_starts(cloud: LocalCloudProcess, name: str) -> int:
    return cloud.log(name, "lambda").count("\tInit Duration: ")


def test_calls_in_turn_share_one_sandbox(cloud: LocalCloudProcess) -> None:
    url = url_of(cloud, "in-turn")
    with requests.Session() as one_connection:
        for _ in range(CALLS):
            response = one_connection.post(url, b"echo warm", timeout=TIMEOUT)
            assert (response.status_code, response.text) == (200, "warm\n")
    for _ in range(CALLS):
        assert requests.post(url, b"echo warm", timeout=TIMEOUT).status_code == 200
    for _ in range(CALLS):
        assert cloud.invoke("in-turn", "echo warm").error == ""
    cloud.put("in-turn", 'echo warm > "$TMP_OUTPUT_DIR/uploaded"')
    assert cloud.read("out/in-turn/uploaded") == "warm\n"
    assert cold_starts(cloud, "in-turn") == 1


def test_calls_beyond_the_slots_wait_for_one(cloud: LocalCloudProcess) -> None:
    url = url_of(cloud, "at-once")
    slots = LambdaServiceSettings(endpoint_url="").concurrency
    with ThreadPoolExecutor(max_workers=slots * 2) as pool:
        calls = [
            pool.submit(requests.post, url, b"echo done", timeout=TIMEOUT) for _ in range(slots * 4)
        ]
        assert {call.result().text for call in calls} == {"done\n"}
    assert 1 <= cold_starts(cloud, "at-once") <= slots


def test_calls_of_a_batch_function_answer_while_its_jobs_run(cloud: LocalCloudProcess) -> None:
    url = url_of(cloud, "job")
    answers = [requests.post(url, b"true", timeout=TIMEOUT) for _ in range(CALLS)]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.headers["x-scar-job-id"] for answer in answers}) == CALLS
    assert cold_starts(cloud, "job") == 1
