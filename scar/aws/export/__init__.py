"""Export functions as one CloudFormation template, for ``scar export``.

``desired`` compiles the functions for an account and Region that are unknown until the stack is
created: ``pseudo_parameters`` marks such values in texts and turns the marks into ``Fn::Sub``.
``properties`` writes each kind of resource with CloudFormation's property names, ``endpoints``
those of HTTP endpoints, which are several resources each. ``template`` joins them with
``parameters`` (images, networks), ``conditions`` and dependencies; ``manual_steps`` lists what
CloudFormation cannot do, such as notifications of existing buckets. ``quotas`` checks
CloudFormation's quotas, and ``stacks`` divides the resources among several templates.

A further kind of resource needs its properties in ``properties``. Pure functions; no I/O.
"""
