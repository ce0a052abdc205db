#!/usr/bin/env python
"""Django's command line for ticketgen."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ticketgen.settings")
    from django.core.management import execute_from_command_line

    from ticketgen.standalone import standalone

    with standalone(sys.argv[1] if len(sys.argv) > 1 else ""):
        execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
