"""The commands, one module each, under the name that the user types.

A module holds one click command: its options, its help with examples, and a function that
connects, calls ``session.services`` or a library package (``scar.runs``, ``scar.transfer``,
``scar.fdl``), and writes the result to ``session.terminal``. Subcommands of a group (``image``,
``local``) are in the group's module. Two commands have a second name: ``update`` is in ``init``,
``logs`` is ``log``. Commands do not import each other: what several of them need is a module of
``scar.cli``. A new command is a new module here and a line in ``scar.cli.command_group``.
"""
