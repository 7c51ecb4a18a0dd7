"""What is deployed: functions, resources and plans as frozen values.

What comes in: ``function`` is one function with every value resolved, as the FDL describes it,
``account`` the account and Region to deploy to, and ``network`` the VPC that functions and jobs run
in. ``function_links`` are the folders through which functions start each other. ``names`` derives
the name of every resource from these three, so that the name is known before the resource exists.

What goes out: ``resources/`` has one class per kind of AWS resource, the same for desired and
observed state. ``plan`` compares both and returns the changes in dependency order: create and
update what others need first, delete last. ``value_changes`` describes what differs. ``limits`` is
the one table of AWS's limits, each with its source and date; a further limit is a line there.
``vcpu_quotas`` has an account's quotas of vCPUs by instance family, ``rates`` the request rates and
the token bucket that keeps to them. ``policy_meaning`` compares IAM policies, and ``tags`` says
which tags are compared. ``other_inputs`` has a function's inputs on stores other than the account's
S3, in its tags. ``containers/`` has the fields of a job's container, ``disks/`` the disks
of instances. ``instance_types`` knows which EC2 instance types exist and which jobs fit them, from
the table in ``instance_sizes``. ``prices`` are AWS's list prices per Region, ``costs`` estimates
from them, and ``cost_reference`` generates the document docs/costs.md.

All other packages of ``scar.aws`` build on these values. Equal state compares equal, so that a plan
without changes means that nothing has to be done. A further kind of resource is a class in
``resources/``, and its name a function in ``names``; the planner needs no change. Pure functions;
no I/O, and no import of any other package of ``scar.aws``.
"""
