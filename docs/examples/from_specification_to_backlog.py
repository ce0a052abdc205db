"""From the files of a specification to a backlog that has been looked through:

export TICKETGEN_URL=https://tickets.example.org TICKETGEN_TOKEN=tg_…
python from_specification_to_backlog.py "Northfield University" Bundles.csv Fields.csv --output backlog.md
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from ticketgen_client import Client, Problem, RunFailed, RunStatus, Unreachable


def main() -> int:
    parser = argparse.ArgumentParser(description="Turn a specification into a backlog.")
    parser.add_argument("site_name")
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--output", type=Path, default=Path("backlog.md"))
    parser.add_argument("--format", choices=["md", "json", "csv", "jira-csv"], default="md")
    asked = parser.parse_args()
    client = Client(os.environ["TICKETGEN_URL"], os.environ["TICKETGEN_TOKEN"])
    try:
        make_backlog(client, asked.site_name, asked.files, asked.output, asked.format)
    except Problem as problem:
        print(f"{problem} [{problem.code}, request {problem.request_id}]", *problem.recovery_actions, sep="\n  ")
        return 1
    except (RunFailed, Unreachable) as error:
        print(error)
        return 1
    return 0


def make_backlog(client: Client, site_name: str, files: list[Path], output: Path, form: str) -> None:
    session = client.create_session(site_name)["id"]
    for report in client.upload(session, files)["files"]:
        print(f"{report['file']}: {report['rows']} rows, {report['entities']} of them become tickets")
        for finding in (*report["errors"], *report["warnings"]):
            print(f"  row {finding['row']}: {finding['message']}")

    estimate = client.estimate(session)
    print(f"{estimate['to_write']} tickets to write, about {estimate['minutes']['expected']} minutes")
    client.process(session)
    client.wait(session, tell=show)

    # What the cells bear out is approved; a person should read the rest.
    marked = [row["short_key"] for row in client.tickets(session, marked="1")]
    sound = [row["id"] for row in client.tickets(session, status="draft") if not row["mark_count"]]
    print(f"approved {len(client.judge(session, 'approve', tickets=sound)['done'])}, to be read: {marked or 'none'}")

    print("ready for a tracker:", client.validate(session)["counts"]["ready"])
    print("written to", client.download_backlog(session, output, form))


def show(status: RunStatus) -> None:
    print(f"{status['progress_percentage']:5.1f} % {status['current_stage']}")


if __name__ == "__main__":
    sys.exit(main())
