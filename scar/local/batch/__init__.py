"""AWS Batch on this machine: jobs wait for capacity, run in sandboxes, are retried and stored.

A SubmitJob request arrives at ``app``, which handles the operations on jobs; moto serves those on
compute environments, job queues and job definitions. ``submission`` merges the job definition with
the request, or raises AWS's error; ``dependencies`` checks dependsOn. ``state_machine`` adds the
job to the ``store`` (SQLite); each later change of a job's state is one transaction there, so a
killed server loses none.

The scheduler thread of ``service`` polls the waiting jobs, ``scheduling/`` decides which of them
start in which compute environment, and every started job gets a thread that runs one ``attempt``: a
sandbox with the variables of ``environment``, the mounts of ``job_storage`` and a log stream. When
the attempt has ended, ``retry`` decides whether the job becomes RUNNABLE again. DescribeJobs and
ListJobs (``job_lists``) return the stored jobs in the form of ``description``. ``change_guard``
applies AWS's rules for the deletion of queues and compute environments, which moto does not check,
and ends the jobs of a deleted queue. ``model`` holds the data types and ports.

An array job is one stored job. The first run of the scheduler after its dependencies have succeeded
creates its children, as rows of ``array_children``: to the scheduler and to attempts a child is a
job like others. ``job_endings`` does what follows from an end, also by ``dependency_store``: an
array ends with its last child, and jobs that depend on the ended one start or fail.

A job that was starting or running when the local cloud was killed counts as an attempt whose host
was lost, as on AWS; its retry strategy decides whether it runs again.

A multi-node job is one job here: ``gang`` runs a sandbox for each of its nodes, and ``nodes`` has
their states. All of them start together.

``retry``, ``nodes``, ``submission``, ``description`` and ``environment`` are pure
functions without I/O. A new field of a job is read in ``submission``, stored in ``model`` and shown
in ``description``; the local cloud refuses it until the list of implemented fields in the moto
package contains it.
"""
