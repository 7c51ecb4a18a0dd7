"""Hypothesis profiles: the number of examples; no property test has a deadline.

``HYPOTHESIS_PROFILE=thorough`` runs ten times as many: for nightly runs.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "usual")
TIMES = {"usual": 1, "thorough": 10}


def register() -> None:
    """Load the profile that the environment names; an unknown one is an error."""
    for name, times in TIMES.items():
        settings.register_profile(
            name,
            deadline=None,
            max_examples=50 * times,
            print_blob=True,
            # Both depend on time, and a busy machine is slow.
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
    settings.load_profile(PROFILE)


def examples(usual: int) -> int:
    """Return the number of examples for a test with another usual number than the default."""
    return usual * TIMES[PROFILE]
