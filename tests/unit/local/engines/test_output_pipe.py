from __future__ import annotations

import os
import threading
import time

from scar.local.engines.output_pipe import OutputPipe


def test_all_that_was_written_before_a_drain_has_been_passed_on() -> None:
    read, write = os.pipe()
    passed = bytearray()

    def slowly(chunk: bytes) -> None:
        time.sleep(0.05)
        passed.extend(chunk)

    output = OutputPipe(read, slowly)
    reader = threading.Thread(target=output.forward_all)
    reader.start()
    try:
        for number in range(5):
            os.write(write, b"%d" % number)
            output.drain(300)
            assert passed == bytes(range(ord("0"), ord("0") + number + 1))
    finally:
        os.close(write)
        reader.join(300)
        os.close(read)
    output.drain(300)  # ended and closed: no output is pending


def test_a_drain_ends_with_its_time() -> None:
    read, write = os.pipe()
    os.write(write, b"not read")
    OutputPipe(read, lambda _: None).drain(0.01)
    os.close(write)
    os.close(read)


def test_a_drain_does_not_need_the_reading_thread() -> None:
    read, write = os.pipe()
    passed = bytearray()
    output = OutputPipe(read, passed.extend)
    for _ in range(2):
        os.write(write, b"a line\n")
        output.drain(300)
    assert passed == b"a line\n" * 2
    output.close()
    os.write(write, b"after the end")
    output.drain(300)
    assert passed == b"a line\n" * 2
    os.close(write)
    os.close(read)


def test_the_end_of_a_pipe_is_found_by_whoever_reads() -> None:
    read, write = os.pipe()
    passed = bytearray()
    output = OutputPipe(read, passed.extend)
    os.write(write, b"last")
    os.close(write)
    output.drain(300)
    output.forward_all()
    assert passed == b"last"
    os.close(read)


def test_the_whole_pipe_is_passed_on_before_the_end() -> None:
    read, write = os.pipe()
    passed = bytearray()
    output = OutputPipe(read, passed.extend)
    reader = threading.Thread(target=output.forward_all)
    reader.start()
    for _ in range(100):
        os.write(write, bytes(10_000))
    os.close(write)
    reader.join(300)
    os.close(read)
    assert len(passed) == 1_000_000
