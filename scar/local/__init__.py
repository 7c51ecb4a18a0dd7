"""The local cloud: AWS's APIs on loopback, behind which functions and jobs really run.

One background process (``server``) owns one state folder (``home``). Every request comes
through one HTTP server (``http``), is authenticated, and goes to the plane that serves it:

    s3/          objects on disk, a durable outbox of events
    lambda_/     Invoke, the asynchronous queue, warm sandboxes, the Runtime API
    batch/       jobs: states, capacity, attempts, time-outs
    logs/        CloudWatch log events, kept on disk
    registry/    the container registry that stands for ECR's
    moto/        everything else (IAM, STS, ECR, EC2, the configuration of Lambda and Batch),
                 served by moto; what changes its state is journalled and replayed at start
    engines/     where sandboxes run: docker, sandbox (rootless), process

``control`` is the side of the command line: start, stop, status, reset.
"""
