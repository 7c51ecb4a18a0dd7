"""The local clouds of these tests, each on the engine that its class names."""

from tests.fakes.shared_local_cloud import cloud, crash_cloud

__all__ = ["cloud", "crash_cloud"]
