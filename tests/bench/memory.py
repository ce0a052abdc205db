"""Memory of a worker: does a run twenty times as long need more of it?"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from .figures import Figure, figure, resident_megabytes, size, specified_session
from .stage import model_server, run_to_the_end, workers

SHORT, LONG = 1_000, 20_000


def flat() -> Iterator[Figure]:
    """The highest peak (VmHWM) of any work-horse of one worker, in a short and in a long run."""
    peaks, seconds = [], []
    with model_server(0.0) as server:
        for entities in (size(SHORT), size(LONG)):
            session = specified_session(entities, llm_provider_choice="openai")
            limits = {"ENGINE_CONCURRENCY": "128", "OPENAI_CONCURRENCY": "128"}
            with workers(1, **limits) as pids, highest_peak(pids) as peak:
                run = run_to_the_end(session)
                assert run.tickets == entities
            peaks.append(peak[0])
            seconds.append(run.seconds)
        calls, wanted = server.counts()["calls"], size(SHORT) + size(LONG)
    assert calls == wanted, f"{calls} calls for {wanted} entities"
    yield figure(
        f"peak memory of a work-horse, {size(SHORT):,} -> {size(LONG):,} entities, MB",
        peaks[1],
        1.2,
        ratio=peaks[1] / peaks[0],
        ideal=peaks[0],
        note=f"{peaks[0]:.0f} -> {peaks[1]:.0f} MB; the runs took {seconds[0]:.1f} and {seconds[1]:.1f} s.",
    )


@contextmanager
def highest_peak(workers_: Sequence[int]) -> Iterator[list[float]]:
    """Watch the children of these processes from a thread; the list's one number is MB."""
    peak, over = [0.0], threading.Event()

    def watch() -> None:
        while not over.wait(0.02):
            for pid in workers_:
                with suppress(FileNotFoundError, ProcessLookupError):
                    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
                        peak[0] = max(peak[0], resident_megabytes("VmHWM", child))

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield peak
    finally:
        over.set()
        thread.join()
