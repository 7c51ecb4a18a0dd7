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
new module here and a line in ``COMMANDS``, which the start of the program reads without click.
"""

# Name: the first line of the command's help. The module is scar.cli.commands.<name>, and the
# command is the attribute of that name. In the order of ``scar --help``.
COMMANDS = {
    "init": "Create or update functions.",
    "plan": "Show what init would change.",
    "update": "Update functions; the same as init -f.",
    "show": "Show the configuration of functions and the source of each value.",
    "validate": "Check an FDL file: keys, values, files, limits and rules.",
    "schema": "Print the JSON Schema of FDL files, for editors.",
    "export": "Print the resources of an FDL file as a CloudFormation template.",
    "policy": "Print the least-privilege IAM policy for the user of scar.",
    "import": "Write the FDL file of a function that SCAR 4 made.",
    "rm": "Remove functions; buckets with data stay.",
    "ls": "List functions, or the objects of a bucket.",
    "put": "Upload files and folders.",
    "get": "Download objects.",
    "run": "Run a function once, or on the files of its input folders.",
    "invoke": "Invoke a function as an HTTP client would.",
    "status": "Show the number of runs in each state, and the latest runs.",
    "why": "Show the history of a run or a file, and the cause of a failure.",
    "retry": "Start failed and lost runs again, with the same input.",
    "wait": "Wait until runs have ended.",
    "cancel": "Cancel runs that wait or run in AWS Batch.",
    "shell": "Start a shell beside the script of a run that is running.",
    "log": "Show the logs of functions and runs, in Lambda and in Batch.",
    "logs": "Show the logs of functions and runs, in Lambda and in Batch.",
    "job": "List, show and cancel single jobs of AWS Batch.",
    "cluster": "Start, scale, list and stop clusters of dask in AWS Batch.",
    "image": "Inspect images; make images of root file systems and functions.",
    "local": "Start, stop and inspect the local cloud.",
    "completion": "Print the code that completes command lines in a shell.",
    "help": "Show the help of scar or of a command.",
    "version": "Show scar's version.",
}
