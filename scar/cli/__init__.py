"""The command line: ``scar <command> [options]``.

How a command is run:

1. **Start.** ``main`` is the entry point. It answers ``--version`` and, from ``stored_help/``,
   ``--help`` without click. Otherwise it creates a ``Session`` (``session``) with the real
   ``Services`` (``services``; tests pass others) and lets click parse the arguments.
2. **Parse.** ``command_group`` defines the program itself: it looks the command up in its table
   and imports its module in ``commands/``, so that ``scar --help`` loads no SDK. Options of
   several commands are in ``options``, those of a Batch job in ``job_options``; those that
   describe a function in ``function_options``, and ``function_flags`` converts them to values of an
   FDL file. Options that select the account, Region and output format are stored in the session.
3. **Target.** The session merges these options with SCAR_REGION and SCAR_PROFILE, the FDL file
   and configuration files to a ``ConnectionTarget`` (``scar.aws.client.target``). ``fdl_files``
   reads FDL files, before and after the connection is made; ``local_checks`` refuses what the
   local cloud does not emulate.
4. **Connection.** ``scar.aws.client.connect`` turns the target into an ``AwsConnection`` to AWS,
   ``scar.local.connect`` into one to the local cloud. Its description is the first line on stderr.
5. **Work.** The command passes the connection to ``services`` or to a library package. What several
   commands do is in a module: ``deployment`` (init, update, plan, rm), ``function_call`` (run,
   invoke), ``invocation/`` (invoke), ``input_files_run`` (run), ``run_selection/`` (log, status,
   wait, retry, cancel), ``run_actions`` (retry, cancel: many runs in parallel), ``arrays/`` (array
   jobs in run, status, why, wait, retry and cancel), ``shown_functions/`` (show); ``prompts`` asks
   for confirmation before something is deleted.
   ``completion/`` completes what is typed, also names of the account's functions and folders.
6. **Output.** Data goes to stdout, messages and progress to stderr, all by the ``Terminal`` in
   ``output``; ``formatting`` writes numbers, sizes and foreign text. ``invocation_output``,
   ``run_output`` and ``progress`` (of uploads and downloads, while they run and at their end) show
   results that several commands have, as a table or, with ``-j``, as one JSON document.
7. **Exit status.** Commands raise ``scar.errors.ScarError`` or a usage error of click. Only
   ``main`` catches them, prints problem and remedy, and returns the exit status.

Modules import each other in this order only: commands, shared modules, session; there are no
circular imports.
"""
