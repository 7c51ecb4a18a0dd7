"""Parts of one run's history, which ``scar.runs.run_history`` reads.

``model`` has its type, ``record_order`` sorts records whose times are equal, ``log_streams`` lists
where the run has logged, and ``submissions`` says in words what a job of the run requested: these
are pure functions. ``claim_leases`` finds out which runs in Lambda are lost. ``recorded_event``
reads the run's event, ``repetitions`` the run after it.
"""
