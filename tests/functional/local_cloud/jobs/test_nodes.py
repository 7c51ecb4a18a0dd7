"""Jobs of three nodes: from the upload of a file to outputs, records and descriptions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from scar.runs.batch_job import find_job
from tests.fakes.local_cloud import a_local_cloud, function, scar
from tests.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fakes.local_cloud import LocalCloudProcess

NODES = {"enabled": True, "number_nodes": 3, "main_node_index": 1, "timeout": 120}
BATCH = {"memory": 64, "multi_node_parallel": NODES, "compute_resources": {"max_v_cpus": 8}}
# Each node writes its number and what it knows; the main one adds what the others send.
EXCHANGE = """
main=$(head -n 1 "$SCAR_HOSTFILE")
me=$AWS_BATCH_JOB_NODE_INDEX
echo "node $me of $AWS_BATCH_JOB_NUM_NODES knows $(wc -l <"$SCAR_HOSTFILE") nodes"
if [ "$me" = "$AWS_BATCH_JOB_MAIN_NODE_INDEX" ]; then
  echo "main address: [$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS]"
  nc -l -p 7000 >/tmp/0 & zero=$!; nc -l -p 7002 >/tmp/2 & two=$!
  wait $zero $two
  sleep 2  # the others end by themselves
  cat /tmp/0 /tmp/2 >"$TMP_OUTPUT_DIR/got.txt"
else
  [ "$main" = "$AWS_BATCH_JOB_MAIN_NODE_PRIVATE_IPV4_ADDRESS" ] || exit 9
  wc -c <"$INPUT_FILE_PATH" >/tmp/size  # nc may end before it reads from a pipe
  until nc "$main" "700$me" </tmp/size; do usleep 100000; done
  echo ignored >"$TMP_OUTPUT_DIR/node-$me.txt"
fi
"""


@pytest.fixture(scope="module")
def cloud() -> Iterator[LocalCloudProcess]:
    yield from a_local_cloud("sandbox", function("mesh", execution_mode="batch", batch=BATCH))


def nodes_of(cloud: LocalCloudProcess, job: str) -> list[dict[str, Any]]:
    ids = [f"{job}#{index}" for index in range(3)]
    found: list[dict[str, Any]] = cloud.client("batch").describe_jobs(jobs=ids)["jobs"]
    return found


def running_job(cloud: LocalCloudProcess, key: str) -> str:
    """Wait until the only job for an object is RUNNING; return its id."""
    (job,) = until(lambda: [j for j in cloud.jobs("mesh", key) if j["status"] == "RUNNING"])
    return str(job["jobId"])


@pytest.mark.container
def test_three_nodes_exchange_data_and_the_main_one_uploads(cloud: LocalCloudProcess) -> None:
    key = cloud.put("mesh", EXCHANGE)
    records = cloud.ended("mesh", key)
    assert "done.json" in records, records
    (output,) = records["done.json"]["outputs"]
    assert output["key"].endswith("got.txt")
    size = len(EXCHANGE.encode())
    assert cloud.read(output["key"]).split() == [str(size), str(size)]
    job = cloud.job_ended("mesh", key)
    assert job["status"] == "SUCCEEDED"
    assert (job["nodeProperties"]["numNodes"], job["nodeProperties"]["mainNode"]) == (3, 1)
    assert "container" not in job
    described = nodes_of(cloud, job["jobId"])
    # On a busy machine, Batch stops another node before it has ended by itself.
    assert described[1]["status"] == "SUCCEEDED"
    assert [node["nodeDetails"]["isMainNode"] for node in described] == [False, True, False]
    ended = [node for node in described if node["status"] == "SUCCEEDED"]
    assert {node["container"]["exitCode"] for node in ended} == {0}
    assert len({node["container"]["logStreamName"] for node in described}) == 3
    listed = cloud.client("batch").list_jobs(multiNodeJobId=job["jobId"], jobStatus="SUCCEEDED")
    places = [entry["nodeProperties"] for entry in listed["jobSummaryList"]]
    assert [p["nodeIndex"] for p in places] == [n["nodeDetails"]["nodeIndex"] for n in ended]
    until(lambda: cloud.log("mesh").count("knows 3 nodes") == 3)
    assert "main address: []" in cloud.log("mesh")
    (run,) = cloud.runs("mesh", key)
    process = scar(cloud.folder, "log", "-n", "mesh", "--run", run)
    shown, _ = process.communicate(timeout=300)
    # Each line begins with the time and the number of its node.
    lines = [f"node {index}  node {index} of 3 knows 3 nodes" for index in range(3)]
    assert [shown.count(line) for line in lines] == [1, 1, 1]
    assert records["claim.json"]["owner"]["job"] == job["jobId"]


@pytest.mark.container
def test_a_failed_node_fails_the_job_and_why_names_it(cloud: LocalCloudProcess) -> None:
    script = """
    [ "$AWS_BATCH_JOB_NODE_INDEX" = 2 ] && { echo "Node 2 says why"; exit 7; }
    [ "$AWS_BATCH_JOB_NODE_INDEX" = 0 ] && exit 0
    sleep 300
    """
    key = cloud.put("mesh", script)
    records = cloud.ended("mesh", key)
    assert records["error.json"]["kind"] == "NodeFailed"
    problem = "Node 2 failed: The script ended with status 7."
    assert records["error.json"]["problem"] == problem
    job = cloud.job_ended("mesh", key)
    assert job["status"] == "FAILED"
    assert [node["container"]["exitCode"] for node in nodes_of(cloud, job["jobId"])] == [0, 1, 7]
    (run,) = cloud.runs("mesh", key)
    process = scar(cloud.folder, "why", run)
    said, _ = process.communicate(timeout=300)
    assert problem in said
    assert "Node 2 says why" in said  # the end of the log is that of the failed node


@pytest.mark.container
def test_the_nodes_end_with_the_main_one_and_with_the_job(cloud: LocalCloudProcess) -> None:
    waiting = '[ "$AWS_BATCH_JOB_NODE_INDEX" = 1 ] || sleep 300'
    job = cloud.job_ended("mesh", cloud.put("mesh", waiting))
    assert job["status"] == "SUCCEEDED"
    ended = nodes_of(cloud, job["jobId"])
    assert [node["status"] for node in ended] == ["FAILED", "SUCCEEDED", "FAILED"]

    key = cloud.put("mesh", "echo hello there; sleep 300")
    running = running_job(cloud, key)
    batch = cloud.client("batch")
    until(lambda: cloud.log("mesh").count("hello there") == 3)
    assert [node["status"] for node in nodes_of(cloud, running)] == ["RUNNING"] * 3
    found = find_job(batch, running)
    assert found is not None
    assert found.status == "RUNNING"
    with pytest.raises(ClientError, match="end of single nodes"):
        batch.terminate_job(jobId=f"{running}#1", reason="x")
    batch.terminate_job(jobId=running, reason="enough")
    assert cloud.job_ended("mesh", key)["statusReason"] == "enough"


@pytest.mark.container
def test_no_node_loses_a_term_that_comes_before_it_is_ready(cloud: LocalCloudProcess) -> None:
    """A node is RUNNING when its process starts, before Python does; 137 would be KILL."""
    for _ in range(5):
        key = cloud.put("mesh", "sleep 300")
        job = running_job(cloud, key)
        cloud.client("batch").terminate_job(jobId=job, reason="at once")
        cloud.job_ended("mesh", key)
        codes = [node["container"].get("exitCode") for node in nodes_of(cloud, job)]
        assert set(codes) <= {143, None}
        assert codes[1] == 143  # the main one


@pytest.mark.container
def test_a_submission_may_ask_for_more_nodes_and_overrides_must_fit(
    cloud: LocalCloudProcess,
) -> None:
    batch = cloud.client("batch")
    (queue,) = batch.describe_job_queues()["jobQueues"]

    def submit(**more: Any) -> str:  # noqa: ANN401
        job = batch.submit_job(
            jobName="own", jobQueue=queue["jobQueueName"], jobDefinition="mesh", **more
        )
        return str(job["jobId"])

    with pytest.raises(ClientError, match="containerOverrides is not valid for multi-node"):
        submit(containerOverrides={"environment": []} | {"memory": 64})
    with pytest.raises(ClientError, match="mainNode must be less than numNodes"):
        submit(nodeOverrides={"numNodes": 1})
    part = {"targetNodes": "0:1", "containerOverrides": {"environment": []}}
    with pytest.raises(ClientError, match="some of the nodes only"):
        submit(nodeOverrides={"nodePropertyOverrides": [part | {"targetNodes": "0:1"}]})
    job = submit(nodeOverrides={"numNodes": 4})
    until(lambda: batch.describe_jobs(jobs=[job])["jobs"][0]["status"] in ("SUCCEEDED", "FAILED"))
    listed = [
        entry["jobId"]
        for status in ("SUCCEEDED", "FAILED")
        for entry in batch.list_jobs(multiNodeJobId=job, jobStatus=status)["jobSummaryList"]
    ]
    assert sorted(listed) == [f"{job}#{index}" for index in range(4)]


@pytest.mark.container
def test_a_second_plan_is_empty_and_the_type_can_change(cloud: LocalCloudProcess) -> None:
    both = {"execution_mode": "batch"}
    assert cloud.deploy(function("mesh", **both, batch=BATCH)).changes == ()
    single = {key: value for key, value in BATCH.items() if key != "multi_node_parallel"}
    assert cloud.deploy(function("mesh", **both, batch=single)).changes != ()
    assert cloud.deploy(function("mesh", **both, batch=single)).changes == ()
    assert cloud.deploy(function("mesh", **both, batch=BATCH)).changes != ()
    assert cloud.deploy(function("mesh", **both, batch=BATCH)).changes == ()


def test_an_engine_without_networks_refuses_the_job_with_the_reason() -> None:
    made = function("mesh", execution_mode="batch", batch=BATCH)
    for cloud in a_local_cloud("process", made):
        batch = cloud.client("batch")
        (queue,) = batch.describe_job_queues()["jobQueues"]
        with pytest.raises(ClientError, match="with the process engine, which has no network"):
            batch.submit_job(jobName="own", jobQueue=queue["jobQueueName"], jobDefinition="mesh")
