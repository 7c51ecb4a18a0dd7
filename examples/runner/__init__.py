"""Runs an example as its README says: ``make example NAME=images``.

The commands in the section "Run" of the README are executed in a copy of the example's folder, with
a local cloud of their own, and what they leave is compared with the folder ``expected``.

- ``requirements``: what an example needs, said before its image is built
- ``readme``: the commands of a README, and a shell script that executes them step by step
- ``dockerfile``: what a Dockerfile of an example says
- ``images``: ``image.tar`` from the Dockerfile, with the tool that this machine has
- ``runs``: the commands of one example, executed in a copy of its folder
- ``results``: the comparison with ``expected``
- ``__main__``: the command line
"""
