"""One run from claim to record: stage in, run the script, stage out.

``core`` has ``Supervisor.handle``, the entry point: it parses the event, finds its runs, and
answers requests that start none. ``run_handler`` claims each run, and records how it ended; if the
run belongs in Batch, or after an error that Batch can help with, ``jobs/`` submits it. In between
``executor`` does the work in this process: ``workspace`` creates a fresh folder, ``staging``
downloads the input (under the time limit of ``time_limit``) and collects what the script and the
outputs know about it, ``lineage`` bounds loops of functions by the metadata of objects, ``command``
chooses the program, ``environment`` builds its variables, ``process_runner`` runs it,
``output_listing`` lists and checks the files, and ``upload_pool`` uploads several of them at a
time, each as ``outputs`` defines.

``gathered_events`` handles the events that were gathered in a queue: many at once, as array jobs.

A script may replace every file and folder of its run by links. So after its start ``run_files``
reaches them below the descriptor that ``workspace`` opened before, and resolves links itself:
what is not below it is never opened, listed, uploaded or removed.

``process_runner`` uses ``users`` (the image's USER) and ``child_processes`` (which ends every
process that the script left behind). ``script_error`` finds what the output of a failed script says
about its error.

Nothing is uploaded before the script has succeeded and all output names are valid. The deadline
is Lambda's less the ``container.timeout_threshold`` of the FDL; it covers download, script and
upload. ``environment`` and ``lineage`` are pure. All failures are ``SupervisorError``s;
``run_handler`` alone catches them, and ``failure_record`` records them.
"""
