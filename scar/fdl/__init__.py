"""The Functions Definition Language (FDL): the YAML files that define functions.

How a file becomes a document:

1. **Settings.** ``settings`` reads the values that apply to every function: scar's configuration
   file, the chosen stage in it, and environment variables; ``scar_words`` reads SCAR's
   ``~/.scar/scar.cfg``, and knows the keys of SCAR that have no effect here. The result is a list
   of layers.
2. **Parse.** ``yaml_document`` reads the file, parses YAML to plain data, and records the position
   of each key. Numbers and dates stay text as it is written (``yaml_values``): the type of the key
   decides.
3. **Substitute.** ``variables`` replaces ``${stage}``, ``${region}`` and ``${account_id}``.
4. **Merge.** ``layers`` merges the layers below the file, the file, and those above it (environment
   and command line) for each function, and records the source of each value (``value_sources``).
5. **Validate.** ``model/`` has a pydantic model of every key with its type, limits, default and
   description; ``field_types`` has the types of single values, ``values/`` the longer checks of
   some. ``validation`` reports all problems at once, each with a position;
   ``known_keys`` lists the keys for suggestions. ``notes`` names what has no effect.
   ``rules/`` checks what concerns several keys or functions, with ``batch_rules/`` for jobs and the
   instances that they need, ``cycles`` for functions that start each other, and ``scripts/`` for
   scripts from other systems.

``loader`` runs all stages. It returns a ``ResolvedDocument``, or raises ``InvalidFdlError`` with
the problems of the file (``problems``): those of keys and values together, and those of ``rules``
for the functions whose keys and values are valid.

Derived from the model: ``effective_values`` lists all values with their source (``scar show``),
``script_variables`` those that become environment variables of scripts (``scar show --env``),
``schema`` builds the JSON Schema for editors (``scar schema``), ``reference`` writes
``docs/fdl.md`` and ``example`` writes ``fdl-example.yaml``. ``defaults`` has the few defaults that
other packages read without the model. So a new key is a field of a model; only a rule between keys
needs code here, and what the key does is code of ``scar.aws``.

``yaml_document``, ``settings`` and ``scar_words`` read files. ``field_types``, ``rules`` and
``batch_rules`` look at the files that a document names: whether they exist, and the beginning of
scripts. All other modules are pure functions; no I/O.
"""
