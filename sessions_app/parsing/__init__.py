"""Specifications in, entities out: pure functions from bytes and cells to values.

Nothing here knows Django, a database or a network; ``make check`` holds that. Read it in the order
of the work: ``formats`` (what are these bytes?) -> ``delimited`` (a table of text) -> ``recognition``
(which tab of the Drupal Spec Tool?) -> ``rows`` (every row used, folded, filtered or dropped) ->
``entities`` (one per thing to build) -> ``references`` (what needs what) -> ``checks`` (what cannot work).
``config_export`` enters at the second step with Drupal's own archive.
"""
