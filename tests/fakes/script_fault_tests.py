"""Tests of faulty scripts, keys and events for every engine; test modules derive from the classes.

A class names its ``engine``; the fixture ``cloud`` has FUNCTIONS deployed. Functions are invoked
directly where Lambda's response matters, and through uploads otherwise.
"""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus

import pytest
from botocore.exceptions import ClientError

from tests.fakes.local_cloud import (
    BUCKET,
    function,
    s3_event,
    scripted,
    start_of_run,
)
from tests.waiting import until

if TYPE_CHECKING:
    from tests.fakes.local_cloud import LocalCloudProcess

IN_BATCH: dict[str, Any] = {"memory": 128, "vcpus": 1, "compute_resources": {"max_v_cpus": 4}}
SERVER_MB = 300
HOG = "dd if=/dev/zero bs=400M count=1 2>/dev/null | sleep 100"

FUNCTIONS = (
    function(
        "here",
        output=[
            {"path": f"{BUCKET}/out/here"},
            {"path": f"{BUCKET}/in/follow", "prefix": ["chain-"]},
        ],
    ),
    function("follow"),
    # Enough time to start and to report the end even with little CPU.
    function("short", timeout=10, container={"timeout_threshold": 4}),
    # SIGTERM comes after 5 of 6 seconds, SIGKILL half a second later.
    function("stubborn", timeout=6, container={"timeout_threshold": 1}),
    function("disk", memory=1024),
    function("loud"),
    function("jobs", execution_mode="batch", batch=IN_BATCH),
    function(
        "either",
        execution_mode="lambda-batch",
        timeout=12,
        container={"timeout_threshold": 6},
        batch=IN_BATCH,
    ),
)


def memory_mb(pid: int) -> int:
    """Return the peak memory of a process in MiB."""
    status = Path(f"/proc/{pid}/status").read_text()
    (line,) = (line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) >> 10


def processes_with(mark: str) -> list[int]:
    """Return the ids of processes with this word in their command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if mark.encode() in words:
            found.append(int(path.parent.name))
    return found


def a_name() -> str:
    return uuid.uuid4().hex[:12]


def unique_sleep_seconds() -> str:
    """Return an argument of ``sleep`` by which its process can be found."""
    return str(10**8 + uuid.uuid4().int % 10**8)


class ScriptFaults:
    """Scripts in Lambda."""

    def test_exit_status_3_is_lambdas_error_and_makes_no_output(
        self, cloud: LocalCloudProcess
    ) -> None:
        name = a_name()
        key = cloud.put(
            "here", f'echo "I fail now: {name}"; echo 1 >"$TMP_OUTPUT_DIR/{name}"; exit 3'
        )
        records = cloud.ended("here", key)
        assert "done.json" not in records
        assert records["error.json"]["kind"] == "ScriptFailed"
        assert "3" in records["error.json"]["problem"]
        until(lambda: f"I fail now: {name}" in cloud.log("here", "lambda"))
        assert not cloud.keys(f"out/here/{name}")
        answer = cloud.invoke("here", f'echo "again {name}"; exit 3')
        assert (answer.error, answer.payload["errorType"]) == ("Unhandled", "ScriptFailed")
        until(lambda: f"again {name}" in cloud.log("here", "lambda"))

    def test_a_killed_script_is_an_error_with_status_137(self, cloud: LocalCloudProcess) -> None:
        # It cannot be distinguished from a script that the kernel killed for its memory.
        answer = cloud.invoke("here", "kill -9 $$")
        assert answer.payload["errorType"] == "OutOfMemory"
        assert "137" in answer.payload["errorMessage"]

    def test_a_script_that_kills_the_supervisor_is_an_exit_error_of_this_run_alone(
        self, cloud: LocalCloudProcess
    ) -> None:
        answer = cloud.invoke("here", "kill -9 $PPID; sleep 5")
        assert (answer.error, answer.payload["errorType"]) == ("Unhandled", "Runtime.ExitError")
        assert "signal: killed" in answer.payload["errorMessage"]
        assert cloud.invoke("here", "echo well").output == "well\n"

    def test_50_mb_of_output_end_in_the_log_and_not_in_the_servers_memory(
        self, cloud: LocalCloudProcess
    ) -> None:
        name = a_name()
        line = "x" * 999
        answer = cloud.invoke("loud", f"yes {line} | head -n 50000; echo last line of {name}")
        assert not answer.error
        assert answer.output.endswith(f"last line of {name}\n")
        assert len(answer.output) < 6 << 20
        assert memory_mb(cloud.pid) < SERVER_MB

    def test_a_script_that_writes_nothing_is_done_without_outputs(
        self, cloud: LocalCloudProcess
    ) -> None:
        records = cloud.ended("here", cloud.put("here", "true"))
        assert records["done.json"]["state"] == "done"
        assert records["done.json"]["outputs"] == []

    def test_children_of_a_script_end_with_it(self, cloud: LocalCloudProcess) -> None:
        first, second = unique_sleep_seconds(), unique_sleep_seconds()
        script = (
            f"sleep {first} & setsid sleep {second} >/dev/null 2>&1 & sleep 0.2;"
            f"ps | grep -v grep | grep -c sleep; echo started"
        )
        answer = cloud.invoke("here", script)
        assert answer.output.endswith("started\n")
        assert not processes_with(first)
        assert not processes_with(second)

    def test_results_that_are_links_to_files_of_the_run_are_outputs(
        self, cloud: LocalCloudProcess
    ) -> None:
        name = a_name()
        script = f"""
            mkdir -p work "$TMP_OUTPUT_DIR/{name}"
            echo result >work/result.txt
            ln -s "$PWD/work/result.txt" "$TMP_OUTPUT_DIR/{name}/result.txt"
            ln -s "$PWD/work" "$TMP_OUTPUT_DIR/{name}/results"
            ln -s /etc "$TMP_OUTPUT_DIR/{name}/etc"
        """
        records = cloud.ended("here", cloud.put("here", script))
        start = f"out/here/{name}"
        assert sorted(cloud.keys(f"{start}/")) == [
            f"{start}/result.txt",
            f"{start}/results/result.txt",
        ]
        assert cloud.read(f"{start}/results/result.txt") == "result\n"
        assert records["done.json"]["left_out"] == [
            {"reason": "outside", "count": 1, "examples": [f"{name}/etc"]}
        ]

    @pytest.mark.parametrize("function", ["here", "jobs"])
    def test_an_output_folder_that_is_replaced_by_a_link_is_an_error(
        self, cloud: LocalCloudProcess, function: str
    ) -> None:
        script = 'rmdir "$TMP_OUTPUT_DIR"; ln -s /etc "$TMP_OUTPUT_DIR"'
        error = cloud.ended(function, cloud.put(function, script))["error.json"]
        assert error["kind"] == "OutputError"
        assert "replaced its output folder by a link" in error["problem"]
        assert not [key for key in cloud.keys(f"out/{function}/") if "passwd" in key]

    def test_home_is_a_writable_folder(self, cloud: LocalCloudProcess) -> None:
        answer = cloud.invoke("here", 'mkdir -p "$HOME/.cache/x" && cd && pwd && touch ~/f && ls')
        assert not answer.error, answer.log
        assert answer.output.splitlines()[1:] == ["f"]
        assert answer.output.startswith("/")

    def test_odd_names_of_outputs_are_kept_and_none_leaves_the_folder(
        self, cloud: LocalCloudProcess
    ) -> None:
        name = a_name()
        script = f"""
            mkdir -p "$TMP_OUTPUT_DIR/{name}/deep er"
            echo 1 >"$TMP_OUTPUT_DIR/{name}/deep er/a b+c%2B é✓.txt"
            echo 2 >"$TMP_OUTPUT_DIR/{name}/.."'.hidden'
            echo 3 >"$TMP_OUTPUT_DIR/../{name}-escaped"
            ln -s /etc/passwd "$TMP_OUTPUT_DIR/{name}/link"
        """
        answer = cloud.invoke("here", script)
        assert not answer.error, answer.log
        expected = [f"out/here/{name}/...hidden", f"out/here/{name}/deep er/a b+c%2B é✓.txt"]
        assert sorted(cloud.keys(f"out/here/{name}/")) == sorted(expected)
        assert cloud.read(expected[1]) == "1\n"
        assert not [key for key in cloud.keys("") if "escaped" in key]
        left_out = f"1 link out of the run's folders not uploaded: {name}/link"
        until(lambda: left_out in cloud.log("here", "lambda"))

    @pytest.mark.parametrize(
        "last",
        ["a b.txt", "a+b.txt", "a%2Bb.txt", "ünï ✓'\"$x;&.txt", "x" * 200],
        ids=["space", "plus", "percent", "unicode", "1024-bytes"],
    )
    def test_keys_arrive_and_come_out_as_they_are(
        self, cloud: LocalCloudProcess, last: str
    ) -> None:
        folder = a_name()
        long = len(last) == 200
        key = f"{folder}/{last}"
        if long:
            fill = 1024 - len(f"in/here/{folder}//{last}")
            key = f"{folder}/{('f' * 99 + '/') * 7:f<{fill}}/{last}"
        script = (
            f'mkdir "$TMP_OUTPUT_DIR/{folder}"; cp "$INPUT_FILE_PATH" "$TMP_OUTPUT_DIR/{folder}";'
            f'printf %s "$STORAGE_OBJECT_KEY" >"$TMP_OUTPUT_DIR/{folder}.key"'
        )
        key = cloud.put("here", script, key)
        assert not long or len(key.encode()) == 1024
        assert cloud.read(f"out/here/{folder}.key") == key
        assert cloud.read(f"out/here/{folder}/{last}") == script

    def test_a_duplicate_event_makes_no_second_output_and_no_second_event(
        self, cloud: LocalCloudProcess
    ) -> None:
        name = a_name()
        script = f"""
            echo true >"$TMP_OUTPUT_DIR/chain-{name}"
            printf %s "$EVENT" >"$TMP_OUTPUT_DIR/{name}.json"
        """
        key = cloud.put("here", script)
        event = json.loads(cloud.read(f"out/here/{name}.json"))
        cloud.ended("here", key)
        cloud.ended("follow", f"in/follow/chain-{name}")
        before = cloud.client("s3").head_object(Bucket=BUCKET, Key=f"in/follow/chain-{name}")
        assert not cloud.invoke("here", event).error
        cloud.client("lambda").invoke(
            FunctionName="here", InvocationType="Event", Payload=json.dumps(event)
        )
        until(lambda: not cloud.calls_left())
        after = cloud.client("s3").head_object(Bucket=BUCKET, Key=f"in/follow/chain-{name}")
        assert after["LastModified"] == before["LastModified"]
        assert after["Metadata"] == before["Metadata"]
        assert len(cloud.runs("here", key)) == 1
        assert len(cloud.runs("follow", f"in/follow/chain-{name}")) == 1

    def test_an_object_written_anew_is_a_new_run(self, cloud: LocalCloudProcess) -> None:
        name = a_name()
        cloud.put("here", f'echo 1 >"$TMP_OUTPUT_DIR/{name}"', name)
        assert cloud.read(f"out/here/{name}") == "1\n"
        key = cloud.put("here", f'echo 2 >"$TMP_OUTPUT_DIR/{name}"', name)
        until(lambda: cloud.read(f"out/here/{name}") == "2\n")
        assert len(cloud.runs("here", key)) == 2

    def test_every_record_of_an_event_is_a_run(self, cloud: LocalCloudProcess) -> None:
        name, s3 = a_name(), cloud.client("s3")
        objects = []
        for number in range(3):
            key = f"elsewhere/{name} {number}"
            script = (
                f'echo {number} >"$TMP_OUTPUT_DIR/{name}-{number}"; exit {3 if number == 1 else 0}'
            )
            etag = s3.put_object(Bucket=BUCKET, Key=key, Body=script.encode())["ETag"].strip('"')
            objects.append((quote_plus(key, safe="/"), etag, f"00{number}"))
        answer = cloud.invoke("here", s3_event(*objects))
        assert answer.payload["errorType"] == "RunsFailed"
        assert "1 of 3 runs failed" in answer.payload["errorMessage"]
        assert cloud.keys(f"out/here/{name}") == [f"out/here/{name}-0", f"out/here/{name}-2"]

    def test_events_larger_than_lambdas_limits_are_rejected(self, cloud: LocalCloudProcess) -> None:
        client = cloud.client("lambda")
        with pytest.raises(ClientError) as rejected:
            client.invoke(
                FunctionName="here", InvocationType="Event", Payload=json.dumps("x" * (1 << 20))
            )
        assert rejected.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
        with pytest.raises(ClientError) as rejected:
            client.invoke(FunctionName="here", Payload=json.dumps("x" * (6 << 20)))
        assert rejected.value.response["Error"]["Code"] == "RequestEntityTooLargeException"

    def test_files_in_tmp_are_deleted_before_the_next_run(self, cloud: LocalCloudProcess) -> None:
        if cloud.engine == "process":
            pytest.skip("scripts share this machine's /tmp")
        script = "ls -A /tmp | grep -v scar-; mkdir -p /tmp/left/deep; echo 1 >/tmp/left/deep/x"
        for _ in range(4):  # more calls than sandboxes
            answer = cloud.invoke("here", script)
            assert answer.error == ""
            assert answer.output == ""

    def test_a_full_tmp_is_reported_as_an_error(self, cloud: LocalCloudProcess) -> None:
        name = a_name()
        script = f"""
            set -e
            echo 1 >"$TMP_OUTPUT_DIR/{name}"
            dd if=/dev/zero of="$TMP_INPUT_DIR/big" bs=1M count=600
            sleep 100
        """
        answer = cloud.invoke("disk", script)
        assert answer.error == "Unhandled"
        until(lambda: "No space left on device" in cloud.log("disk", "lambda"))
        assert not cloud.keys(f"out/disk/{name}")
        assert cloud.invoke("disk", "echo well").output == "well\n"

    def test_memory_beyond_lambdas_setting_is_an_out_of_memory_error(
        self, cloud: LocalCloudProcess
    ) -> None:
        answer = cloud.invoke("here", HOG)
        assert answer.error == "Unhandled"
        assert answer.payload["errorType"] == "Runtime.OutOfMemory"
        assert "signal: killed" in answer.payload["errorMessage"]
        assert "Runtime.OutOfMemory" in answer.log

    def test_a_failed_event_reaches_the_on_failure_destination_as_lambdas_record(
        self, cloud: LocalCloudProcess
    ) -> None:
        sqs = cloud.connection.session.client("sqs", endpoint_url=cloud.connection.endpoint_url)
        queue = sqs.create_queue(QueueName=f"failed-{a_name()}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]
        cloud.client("lambda").put_function_event_invoke_config(
            FunctionName="disk",
            MaximumRetryAttempts=0,
            DestinationConfig={"OnFailure": {"Destination": arn["QueueArn"]}},
        )
        cloud.put("disk", "kill -9 $PPID; sleep 5")
        messages = until(lambda: sqs.receive_message(QueueUrl=queue).get("Messages", []))
        record = json.loads(messages[0]["Body"])
        assert record["requestContext"]["condition"] == "RetriesExhausted"
        assert record["responsePayload"]["errorType"] == "Runtime.ExitError"
        assert record["requestPayload"]["Records"][0]["s3"]["bucket"]["name"] == BUCKET

    def test_a_script_that_ignores_term_is_killed_before_lambdas_time_out(
        self, cloud: LocalCloudProcess
    ) -> None:
        name, pause = a_name(), unique_sleep_seconds()
        script = f"trap '' TERM; echo 1 >\"$TMP_OUTPUT_DIR/{name}\"; sleep {pause}"
        answer = cloud.invoke("stubborn", script)
        assert answer.payload["errorType"] == "DeadlineExceeded"
        assert not cloud.keys(f"out/stubborn/{name}")
        assert not processes_with(pause)

    def test_a_supervisor_that_hangs_is_ended_by_lambdas_time_out(
        self, cloud: LocalCloudProcess
    ) -> None:
        name, pause = a_name(), unique_sleep_seconds()
        script = f'echo 1 >"$TMP_OUTPUT_DIR/{name}"; kill -STOP $PPID; sleep {pause}'
        answer = cloud.invoke("stubborn", script)
        assert answer.payload["errorType"] == "Sandbox.Timedout"
        assert "Task timed out after 6.00 seconds" in answer.payload["errorMessage"]
        assert not cloud.keys(f"out/stubborn/{name}")
        assert not processes_with(pause)
        assert cloud.invoke("stubborn", "echo well").output == "well\n"

    def test_a_script_over_its_time_gets_sigterm_and_leaves_no_partial_output(
        self, cloud: LocalCloudProcess
    ) -> None:
        name = a_name()
        answer = cloud.invoke("short", f'echo 1 >"$TMP_OUTPUT_DIR/{name}"; exec sleep 100')
        assert answer.payload["errorType"] == "DeadlineExceeded"
        assert not cloud.keys(f"out/short/{name}")


class JobFaults:
    """Scripts in Batch, and their submission."""

    def test_exit_status_3_is_the_jobs_own(self, cloud: LocalCloudProcess) -> None:
        name = a_name()
        key = cloud.put("jobs", f'echo "output {name}"; echo 1 >"$TMP_OUTPUT_DIR/{name}"; exit 3')
        job = cloud.job_ended("jobs", key)
        assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 3)
        assert job["statusReason"] == "Essential container in task exited"
        assert len(job["attempts"]) == 1
        assert cloud.ended("jobs", key)["error.json"]["kind"] == "ScriptFailed"
        assert f"output {name}" in cloud.log("jobs")
        assert not cloud.keys(f"out/jobs/{name}")

    def test_children_of_a_job_end_with_it(self, cloud: LocalCloudProcess) -> None:
        first, second = unique_sleep_seconds(), unique_sleep_seconds()
        script = f"sleep {first} & setsid sleep {second} >/dev/null 2>&1 & sleep 0.2"
        assert cloud.job_ended("jobs", cloud.put("jobs", script))["status"] == "SUCCEEDED"
        assert not processes_with(first)
        assert not processes_with(second)

    def test_memory_beyond_the_jobs_ends_with_137_and_its_reason(
        self, cloud: LocalCloudProcess
    ) -> None:
        name = a_name()
        script = f"""
            mkfifo fifo; sleep 100 <fifo & dd if=/dev/zero of=fifo bs=400M count=1 || exit $?
            echo 1 >"$TMP_OUTPUT_DIR/{name}"
        """
        job = cloud.job_ended("jobs", cloud.put("jobs", script))
        assert (job["status"], job["container"]["exitCode"]) == ("FAILED", 137)
        assert job["container"]["reason"].startswith("OutOfMemoryError")
        assert not cloud.keys(f"out/jobs/{name}")

    def test_a_large_event_reaches_its_job_through_the_state_bucket(
        self, cloud: LocalCloudProcess
    ) -> None:
        name = a_name()
        script = f'printf %s "${{#EVENT}}" >"$TMP_OUTPUT_DIR/{name}"'
        answer = cloud.invoke("jobs", scripted(script, pad="x" * 20_000))
        assert int(cloud.read(f"out/jobs/{name}")) > 20_000
        run = answer.payload["headers"]["amz-lambda-request-id"]
        assert answer.payload["headers"]["x-scar-run-id"] == run
        assert cloud.records("jobs", run)["event.json"]["pad"] == "x" * 20_000
        (job,) = (job for job in cloud.jobs("jobs") if run in job["jobName"])
        assert answer.payload["headers"]["x-scar-job-id"] == job["jobId"]
        environment = {item["name"]: item["value"] for item in job["container"]["environment"]}
        assert environment["SCAR_EVENT_URL"].endswith(f"/{run}/event.json")
        assert "SCAR_EVENT" not in environment

    def test_a_run_out_of_time_is_submitted_to_batch_once(self, cloud: LocalCloudProcess) -> None:
        name = a_name()
        script = f"""
            echo "here $SCAR_SITE {name}"
            echo "$SCAR_SITE" >"$TMP_OUTPUT_DIR/{name}-$SCAR_SITE"
            [ "$SCAR_SITE" = batch ] || exec sleep 100
        """
        key = cloud.put("either", script)
        records = cloud.ended("either", key)
        assert {"claim.json", "delegated.json", "attempt-1.json", "done.json"} == set(records)
        assert cloud.keys(f"out/either/{name}") == [f"out/either/{name}-batch"]
        (job,) = cloud.jobs("either", key)
        assert records["delegated.json"]["job"] == job["jobId"]
        assert len(cloud.runs("either", key)) == 1
        assert job["jobName"].startswith(f"either-{start_of_run('either', key)}")
        assert f"here batch {name}" in until(lambda: cloud.log("either"))
        assert f"here lambda {name}" in cloud.log("either", "lambda")

    def test_a_run_that_ends_in_time_is_not_submitted_to_batch(
        self, cloud: LocalCloudProcess
    ) -> None:
        name = a_name()
        key = cloud.put("either", f'echo "$SCAR_SITE" >"$TMP_OUTPUT_DIR/{name}"')
        assert cloud.read(f"out/either/{name}") == "lambda\n"
        assert not cloud.jobs("either", key)

    def test_a_terminated_job_fails_with_the_given_reason_and_no_output(
        self, cloud: LocalCloudProcess
    ) -> None:
        name, pause = a_name(), unique_sleep_seconds()
        script = f'echo 1 >"$TMP_OUTPUT_DIR/{name}"; echo up {name}; exec sleep {pause}'
        key = cloud.put("jobs", script)
        until(lambda: processes_with(pause))
        (job,) = cloud.jobs("jobs", key)
        cloud.client("batch").terminate_job(jobId=job["jobId"], reason="enough of it")
        job = cloud.job_ended("jobs", key)
        assert (job["status"], job["statusReason"]) == ("FAILED", "enough of it")
        assert job["container"]["exitCode"] == 143
        assert "TERM" in cloud.ended("jobs", key)["error.json"]["problem"]
        assert not cloud.keys(f"out/jobs/{name}")
        assert not processes_with(pause)
