"""Functions as users write them: the Functions Definition Language.

document     YAML to data, with the place of every key
layers       values of the command line over those of the file
model        every key, its type and default; ``values``: what single values may be
rules        what concerns several keys or functions
load         all of it: a document, or every fault at once
faults       what is wrong, and where
reference    ``docs/fdl.md``, written from the model
"""
