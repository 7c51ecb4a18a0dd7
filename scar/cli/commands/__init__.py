"""The commands, one module each, under the name that the user types.

A module holds one click command: its options, its help with examples, and a function that
connects, calls ``session.services`` or a library package (``scar.runs``, ``scar.transfer``,
``scar.fdl``), and writes the result to ``session.terminal``.

- Functions: ``init`` and ``rm`` deploy and remove; ``plan``, ``show``, ``validate`` show what a
  file means; ``export`` and ``policy`` print documents, ``import`` writes the FDL file of a
  function of SCAR 4.
- Data: ``put``, ``get`` and ``ls``.
- Runs: ``run`` and ``invoke`` start them; ``status``, ``wait``, ``why`` and ``log`` show them;
  ``retry`` and ``cancel`` act on them, ``shell`` starts a shell beside the script of one.
- Groups, each a package with one module for each subcommand: ``job/`` lists, shows and cancels
  single jobs, ``cluster/`` starts and stops clusters, ``image/`` inspects and builds images,
  ``local/`` controls the local cloud.
- ``about/`` has the commands about the program itself, such as version.

Two commands have a second name: ``scar update`` is in ``init``, ``scar logs`` is ``log``. Commands
do not import each other: what several of them need is a module of ``scar.cli``. A new command is a
new module here and a line in ``scar.cli.command_group``.
"""
