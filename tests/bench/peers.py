"""Libraries to be compared with, each in a throw-away environment of its own under build/, kept between runs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from django.conf import settings

from processing.llm import prompts
from tests.processes import ROOT

from .stage import ModelServer

PEERS: Final = {
    "langchain-openai": ("langchain-openai==1.7.3",),
    "litellm": ("litellm==1.106.2",),
}
"""Name -> what is installed. Apart from each other, for one pins an older SDK than the other would use."""


class Unavailable(Exception):
    """The peer cannot be installed or does not run here; the text says why, in a line."""


def seconds_of(name: str, server: ModelServer, asked: list[dict[str, Any]], concurrency: int) -> float:
    """Let a peer send these requests, so many at once, and parse the answers; the seconds of its calls alone."""
    work = {
        "base_url": f"http://127.0.0.1:{server.port}/v1",
        "schema": {"title": "ticket", "description": "A ticket.", **prompts.SCHEMA},
        "concurrency": concurrency,
        "requests": asked,
    }
    with tempfile.NamedTemporaryFile("w", dir=settings.VAR_DIR, suffix=".json") as file:
        json.dump(work, file)
        file.flush()
        script = str(Path(__file__).with_name("peer_calls.py"))
        command = [str(_python_of(name)), script, name, file.name]
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": settings.VAR_DIR.as_posix(),
            "OPENAI_API_KEY": "none",
        }
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600, check=False)
    if done.returncode:
        raise Unavailable(f"{name} failed: {(done.stderr.strip().splitlines() or ['no word'])[-1][:200]}")
    return float(done.stdout.split()[-1])


def _python_of(name: str) -> Path:
    """The interpreter of the peer's environment, which is made where it is not there."""
    folder = ROOT / "build" / "peers" / name
    python, stamp = folder / "bin" / "python", folder / "installed.txt"
    wanted = "\n".join(PEERS[name])
    if stamp.exists() and stamp.read_text() == wanted and python.exists():
        return python
    shutil.rmtree(folder, ignore_errors=True)
    uv = Path(sys.executable).with_name("uv")
    pip = [str(uv), "pip", "install", "--python", str(python)] if uv.exists() else [str(python), "-m", "pip", "install"]
    try:
        for command in ([sys.executable, "-m", "venv", str(folder)], [*pip, "--quiet", *PEERS[name]]):
            subprocess.run(
                command,
                capture_output=True,
                text=True,
                check=True,
                timeout=300,
                env={**os.environ, "UV_SYSTEM_CERTS": "true"},
            )
    except (subprocess.SubprocessError, OSError) as problem:
        raise Unavailable(f"{name} could not be installed, so it was not measured: {problem}"[:300]) from problem
    stamp.write_text(wanted)
    return python
