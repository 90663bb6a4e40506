"""One manifest, every repository: templates as data, the mapping engine, readiness.

A *template* is a folder of data (``schemas/repositories/<id>/<version>/``): the target's schema, a mapping in the shape
of the target, vocabularies, rules, examples. Nothing of a template is code;
:mod:`candle_spec.repositories.language.tree` says what its mapping may hold.
"""
