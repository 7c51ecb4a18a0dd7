"""Runs in AWS Batch: when a run is submitted, as which job, and what happens to failed events.

Two callers submit jobs. ``Supervisor`` in the execution package does in batch mode, and in mode
``lambda-batch`` after an error that Batch can help with. ``failure_handler`` does for a run whose
sandbox Lambda ended, from the invocation record that Lambda sends to the on-failure destination.
Both take the same steps: ``fallback`` decides whether Batch can help and which vCPUs and memory
the job needs; ``job_request`` builds the job's name and environment, and puts an event that is
too long into the state bucket; ``submitter`` calls SubmitJob.

SubmitJob has no idempotency token. A second job of the same run is harmless, however: its run is
claimed by the first one, so it ends without running the script.

``fallback`` and ``job_request`` are pure. To continue runs in another service: one module that
implements ``ports.JobSubmitter``.
"""
