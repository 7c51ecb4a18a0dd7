"""kill -9 of the local cloud, with scripts on this machine itself."""

from __future__ import annotations

from tests.fakes.killed_clouds import KilledClouds


class TestKilledOnTheHost(KilledClouds):
    engine = "process"
