"""Functions as users write them: the Functions Definition Language.

document     YAML to data, with the place of every key
layers       values from several places, the nearer to the user the stronger
variables    ``${stage}`` and the like in values
settings     configuration files and the environment; ``scarcfg``: SCAR's own
defaults     the few defaults that other packages read without the model
model        every key, its type and default; ``values``: what single values may be
rules        what concerns several keys or functions
load         all of it: a document, or every fault at once
faults       what is wrong, and where; ``wording``: in which words
keys         the keys that there are
shown        every value and where it is from
schema       the JSON Schema for editors
reference    ``docs/fdl.md``, written from the model
example      ``fdl-example.yaml``, likewise
"""
