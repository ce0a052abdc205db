"""Tasks, items and who works on them. docs/architecture.md draws the whole machine.

``queue`` (tell workers) -> ``jobs`` (what RQ calls) -> ``planning`` (task -> items) -> ``drainer`` (claim, call, write)
-> ``finish`` (once per task) ; ``sweep`` puts right what died; ``announcements`` and ``relay`` tell the browsers.
"""
