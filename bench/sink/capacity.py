"""How many requests the sink serves: ``python -m bench.sink.capacity``.

A raw client sends prepared PUT requests of 10 KB over 64 connections and reads nothing but the
responses' length, so the rate that it reaches is a lower bound: it takes processor time, too. The
sink's own CPU time for a request is what counts beside a client that leaves it a core.
"""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.sink.running import run_sink

if TYPE_CHECKING:
    from bench.sink.running import RunningSink

BODY, CONNECTIONS = 10_000, 64


@dataclass(frozen=True, slots=True)
class Capacity:
    """Requests in each second of one core, and those that the raw client reached."""

    of_core: float
    reached: float


def measure_capacity(sink: RunningSink, requests: int = 20_000) -> Capacity:
    """Send that many requests to the sink."""
    headers = "".join(f"x-amz-bench-{number}: {'v' * 40}\r\n" for number in range(8))
    request = (
        f"PUT /bench/capacity HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}"
        f"x-amz-checksum-crc32: AAAAAA==\r\nContent-Length: {BODY}\r\n\r\n"
    ).encode() + bytes(BODY)
    clients = [socket.create_connection(("127.0.0.1", sink.port)) for _ in range(CONNECTIONS)]
    try:
        _send_round(clients, request)  # warm-up
        cpu, begin = sink.cpu(), time.perf_counter()
        for _ in range(rounds := max(1, requests // CONNECTIONS)):
            _send_round(clients, request)
        sent = rounds * CONNECTIONS
        return Capacity(sent / (sink.cpu() - cpu), sent / (time.perf_counter() - begin))
    finally:
        for client in clients:
            client.close()


def _send_round(clients: list[socket.socket], request: bytes) -> None:
    for client in clients:
        client.sendall(request)
    for client in clients:
        if not client.recv(4096).startswith(b"HTTP/1.1 200 "):
            raise RuntimeError("The sink refused a request.")


def main() -> None:
    """Print the figures."""
    with run_sink() as sink:
        capacity = measure_capacity(sink)
    print(f"PUT of 10 KB: {capacity.of_core:,.0f}/s of one core, {capacity.reached:,.0f}/s reached")


if __name__ == "__main__":
    main()
