"""How much the property tests try, and that none of them fails by the clock.

``HYPOTHESIS_PROFILE=thorough`` tries ten times as much: for a night, not for every change.
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
            # Both judge by the clock, and a machine with other work is slow.
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        )
    settings.load_profile(PROFILE)


def examples(usual: int) -> int:
    """Return how many examples a test tries that needs more or fewer than the others."""
    return usual * TIMES[PROFILE]
