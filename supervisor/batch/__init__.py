"""Runs in AWS Batch: when a run is submitted, as which job, and what happens to failed events.

Two callers submit jobs. ``Supervisor`` in the execution package does in batch mode, and in mode
``lambda-batch`` after an error that Batch can help with. ``failure_handler`` does for a run whose
sandbox Lambda ended, from the invocation record that Lambda sends to the on-failure destination.
Any function may send such records: ``run_evidence`` finds out which runs are really the named
function's, and ``run_recovery`` submits or records these.
Both take the same steps: ``fallback`` decides whether Batch can help; ``job_options`` which vCPUs,
memory and more the job needs, for its object and its caller; ``job_request`` builds the job's name
and environment, and puts an event that is too long into the state bucket; ``submit_parameters`` has
SubmitJob's parameters, and ``submitter`` calls it.

Batch takes 50 submissions a second per account, so thousands of files that arrive at once are
throttled. ``submission_deadline`` says until when an invocation repeats a throttled request. A run
that could not be submitted by then is recorded as waiting, and the invocation ends with an error:
Lambda's retry of the event, or the failure handler, submits the run later.

SubmitJob has no idempotency token: after a lost response a job may exist. The run waits in the same
way, and the next attempt submits a second job unless the first has started. A second job of a run
is harmless: its run is claimed by the first one, so it ends without running the script.

``array_manifest`` has the format of an array job's manifest, from which each child reads its event.
``scar run --array`` and functions write it; children are runs like any other. The children of an
array have the same resources: ``array_groups`` divides events by what their jobs request.

A job whose script failed may submit the next job of its run: ``resubmission`` decides that.

``array_groups``, ``array_manifest``, ``fallback``, ``job_options``, ``job_request``,
``resubmission``, ``submission_deadline`` and ``submit_parameters`` are pure. To continue runs in
another service: one module that implements ``ports.JobSubmitter``.
"""
