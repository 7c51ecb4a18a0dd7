"""Parts of one run's history: the order of its records, its log streams, its submissions.

``record_order`` sorts records whose times are equal, ``log_streams`` lists where the run has
logged, and ``submissions`` says in words what a job of the run requested. All are pure functions.
"""
