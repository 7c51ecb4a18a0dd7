"""What runs inside AWS Lambda and AWS Batch, as the entrypoint of the user's own image.

One process, three ways to be started (``__main__``): by the Lambda Runtime API, by a Batch
job, or by hand. All three end in ``core.Supervisor.handle``: parse the event, claim the run,
stage in, run the user's script, stage out, write the record; or hand the run to Batch.

    events, environment, response, records    pure: what comes in, what the script sees, goes out
    core, execution, staging, outputs         one run from claim to record
    ledger, leases, heartbeat                 who works on a run, for how long, and its record
    fallback, handover                        what Batch can help with, and what a job gets
    program, workspace, folders, alarm        what is run, in which folder, for how long
    ports                                     what the core needs from the outside world
    storage/ runners/ delegation/             one adapter each
    aws/                                      signing, credentials and HTTP for S3 and Batch
    runtime, job, init                        the Lambda loop, the Batch entry, process 1
    quick, selftest                           a cheaper start; is everything there?
    bundle/                                   how the self-contained Python is built

Standard library only: the package is shipped inside every function image, and its import
time is part of every cold start. It imports nothing of ``scar``.
"""
