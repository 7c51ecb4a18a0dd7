"""A shell beside the script of a run in AWS Batch, by ECS Exec, for ``scar shell``.

``running`` refuses runs that do not run. ``task_container`` finds the container of a run's job in
Amazon ECS, ``session_plugin`` connects the terminal with a command that ECS starts in it, by AWS's
program session-manager-plugin.
"""
