"""In a process of its own: read and keep a file of so many rows; print seconds to preview, seconds to keep, and MB of
the preview.
"""

import sys
import time

import django

django.setup()

from sessions_app.actions import imports  # noqa: E402
from tests.bench.figures import forget_peak, resident_megabytes, workspace  # noqa: E402
from tests.factories import fields, make_session  # noqa: E402

data = fields(int(sys.argv[1]), 150)
session = make_session(workspace())
forget_peak()
before = resident_megabytes()
started = time.perf_counter()
upload = imports.read_upload(imports.Upload("Fields.csv", data))
imports.findings_across(imports.read_together(session, [upload]))
preview = time.perf_counter() - started
memory = resident_megabytes("VmHWM") - before
started = time.perf_counter()
imports.keep(session, [upload], by=None)
print(preview, time.perf_counter() - started, memory)
