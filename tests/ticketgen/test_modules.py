"""No module of the product needs another one to have been imported before it."""

import pkgutil
import subprocess
import sys

import processing
import sessions_app
import ticketgen
from tests.processes import ROOT

IMPORT = """
import sys
from importlib import import_module

import django

django.setup()
for name in sys.argv[1:]:
    import_module(name)
"""


def test_every_module_can_be_imported(monkeypatch):
    monkeypatch.setenv("DJANGO_SETTINGS_MODULE", "ticketgen.settings")
    packages = (processing, sessions_app, ticketgen)
    found = [
        each.name for package in packages for each in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    ]
    assert "processing.llm.anthropic" in found

    done = subprocess.run([sys.executable, "-c", IMPORT, *found], cwd=ROOT, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
