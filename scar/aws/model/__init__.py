"""What is deployed: functions, resources and plans as frozen values.

``function`` is one function with every value resolved, as the FDL describes it. ``account`` is the
account and Region to deploy to, ``names`` derives the name of every resource from them, and
``network`` is the VPC that functions and jobs run in. ``resources/`` has one class per kind of AWS
resource, the same for desired and observed state. ``plan`` compares both and returns the ordered
changes. ``limits`` is the one table of AWS's limits, each with its source and date.

All other packages of ``scar.aws`` build on these values. Equal state compares equal, so that a plan
without changes means that nothing has to be done. Pure functions; no I/O, and no import of any
other package of ``scar.aws``.
"""
