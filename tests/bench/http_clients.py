"""In a process of its own: some clients that ask for one address again and again, each on a connection that stays open.

Reads a plan (JSON) from the file named: {port, clients, seconds, path, headers}. Prints, as JSON: seconds of each
answer, statuses by number, connections that were opened, seconds of it all.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any


class Client(threading.Thread):
    """Asks, reads the whole answer, asks again, until the time is over."""

    def __init__(self, plan: dict[str, Any], until: float) -> None:
        super().__init__()
        self.plan, self.until = plan, until
        self.took: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.opened = 0

    def run(self) -> None:
        wire = http.client.HTTPConnection("127.0.0.1", self.plan["port"], timeout=60)
        while (began := time.perf_counter()) < self.until:
            self.opened += wire.sock is None
            wire.request("GET", self.plan["path"], headers=self.plan["headers"])
            answer = wire.getresponse()
            answer.read()
            self.took.append(time.perf_counter() - began)
            self.statuses[answer.status] += 1
        wire.close()


def main(plan: dict[str, Any]) -> None:
    began = time.perf_counter()
    clients = [Client(plan, began + plan["seconds"]) for _ in range(plan["clients"])]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    statuses = sum((client.statuses for client in clients), Counter[int]())
    told = {
        "took": [seconds for client in clients for seconds in client.took],
        "statuses": dict(statuses),
        "opened": sum(client.opened for client in clients),
        "seconds": time.perf_counter() - began,
    }
    json.dump(told, sys.stdout)


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
