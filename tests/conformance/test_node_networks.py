"""Nodes of a job reach each other and the local cloud, and nothing else; or the engine refuses."""

from __future__ import annotations

import http.server
import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from scar.local.engines.port import EngineError, SandboxProfile
from tests.container_skips import NOT_FOR_ENGINE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scar.local.engines.port import NodeNetwork, SandboxExit
    from tests.conformance.sandbox_starter import Output, SandboxStarter

# The main node receives a line from each of the others, on a port of its own for each: nc accepts
# one connection. Each node listens on port 5000, too, which would clash in one network.
MAIN = """
nc -l -p 5000 </dev/null & nc -l -p 5001 >/tmp/1 & one=$!; nc -l -p 5002 >/tmp/2 & two=$!
wait $one $two
cat /tmp/1 /tmp/2
"""
# From a file: busybox's nc ends when the listener, whose input has ended, closes its direction, and
# would not have read from a pipe before.
OTHER = """
nc -l -p 5000 </dev/null & listener=$!
echo "from NUMBER" >/tmp/message
until nc 10.99.0.10 500NUMBER </tmp/message; do usleep 50000; done
kill $listener
"""


@contextmanager
def server_of_this_machine(body: bytes) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def network_of(bench: SandboxStarter, nodes: int, port: int = 1) -> Iterator[NodeNetwork]:
    if not bench.harness.engine.guarantees.networks:
        with pytest.raises(EngineError, match=r"no network for each node") as caught:
            bench.harness.engine.open_network(nodes, port)
        assert "--engine sandbox" in caught.value.remedy
        pytest.skip(f"{NOT_FOR_ENGINE}: the engine has no networks")
    network = bench.harness.engine.open_network(nodes, port)
    try:
        yield network
    finally:
        for sandbox in bench.started:
            sandbox.close()
        network.close()


def start(bench: SandboxStarter, network: NodeNetwork, scripts: list[str]) -> list[Output]:
    outputs = []
    for script, node in zip(scripts, network.nodes, strict=True):
        _, output = bench.start(script, profile=SandboxProfile.BATCH, network=node)
        outputs.append(output)
    return outputs


def ends(bench: SandboxStarter) -> list[SandboxExit | None]:
    return [sandbox.wait(300) for sandbox in bench.started]


def test_three_nodes_exchange_data_and_use_the_same_port(bench: SandboxStarter) -> None:
    with network_of(bench, 3) as network:
        assert [node.address for node in network.nodes] == [
            "10.99.0.10",
            "10.99.0.11",
            "10.99.0.12",
        ]
        scripts = [MAIN, OTHER.replace("NUMBER", "1"), OTHER.replace("NUMBER", "2")]
        main, _, _ = start(bench, network, scripts)
        assert [found.status for found in ends(bench) if found] == [0, 0, 0], main.text
        main.until(b"from 2")  # What the pipe still holds when the process has ended.
        assert main.text.splitlines() == ["from 1", "from 2"]


def test_every_node_reaches_the_local_cloud_at_its_usual_address(bench: SandboxStarter) -> None:
    body = os.urandom(3 << 20).hex().encode()
    with server_of_this_machine(body) as port, network_of(bench, 2, port) as network:
        script = f"wget -q -O - http://127.0.0.1:{port}/ | wc -c"
        outputs = start(bench, network, [script, script])
        ends(bench)
        assert [output.text.strip() for output in outputs] == [str(len(body))] * 2


def test_a_node_has_an_own_address_and_no_other_route(bench: SandboxStarter) -> None:
    with server_of_this_machine(b"x") as port, network_of(bench, 1) as network:
        script = f"""
        ip -4 -o addr show eth0; ip route
        nc -w 1 127.0.0.1 {port} </dev/null && echo reached
        (nc -l -p 80 </dev/null & sleep 0.2; nc 127.0.0.1 80 && echo low) 2>&1
        ip link set eth0 down 2>/dev/null && echo changed
        ls /proc/self/fd | wc -l
        """
        (output,) = start(bench, network, [script])
        ends(bench)
        assert "inet 10.99.0.10/16" in output.text
        assert "default dev eth0" in output.text
        assert "low" in output.text
        assert "reached" not in output.text  # a port that is not the local cloud's
        assert "changed" not in output.text  # the network is not the sandbox's own to change
        assert output.text.splitlines()[-1] == "4"  # 0, 1, 2 and the listing's: no namespace


def test_networks_leave_no_descriptor_thread_or_process(bench: SandboxStarter) -> None:
    def opened() -> int:
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208

    with network_of(bench, 1):
        pass
    # Threads of an earlier test may still be ending.
    before, threads = opened(), {*threading.enumerate()}
    for _ in range(3):
        with network_of(bench, 4):
            assert opened() > before
    assert opened() == before
    assert {*threading.enumerate()} <= threads


def test_too_many_nodes_are_refused(bench: SandboxStarter) -> None:
    with network_of(bench, 1), pytest.raises(EngineError, match="at most, not 1001"):
        bench.harness.engine.open_network(1001, 1)
