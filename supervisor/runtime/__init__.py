"""How the process starts and ends: in Lambda, in Batch, and as process 1.

``pid1`` comes first if the process has pid 1: it forks, reaps orphans, and forwards signals. Then
``lambda_loop`` serves the Lambda Runtime API, event after event, until the sandbox ends; or
``batch_job`` builds the one invocation of a Batch job from its environment and turns its result
into the exit status, or ``cluster_job`` runs the scheduler or a worker of a dask cluster
(``dask_process`` has its command line). ``module_archive`` and ``fast_start`` make the import of
the bundled package cheaper and change nothing else. ``self_test`` is ``/opt/scar/launch
--self-test``, which checks that the supervisor can work in an image.
"""
