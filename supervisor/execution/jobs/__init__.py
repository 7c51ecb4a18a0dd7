"""What only Batch jobs need of a run.

``batch_submission`` submits a run that belongs in Batch; in a job, ``next_job`` submits the run
again with more memory. ``nodes`` is for multi-node jobs: each node of one is a process that handles
the same event. The main node owns the run; the others claim, record and upload nothing.
"""
