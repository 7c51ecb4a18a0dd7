"""Reject what would fail, before the first change: all problems at once, each with its remedy.

``deployment_checks`` checks the functions themselves (names, roles, overlapping inputs) and the
compiled resources against AWS's limits and rules, with the same validator as the tests and the
local cloud. ``loop_checks`` finds functions that start each other without end, also together with
functions that are deployed already. ``account_checks`` checks the functions against the account's
state, in errors and warnings, and the plan against quotas; ``file_system_checks`` are those of
what jobs mount, and ``compute_warnings`` warns of compute resources that are valid, and cost more
or start later than expected.

Every check is a generator of sentences that name the function; the pipeline raises them together as
one ``NotDeployableError``. A further check is one more generator, called from the function above
it.
Pure functions; no I/O: the facts come from the account package.
"""
