"""Enhancement of help-desk tickets: similar ones, articles and hosts found, put together, written back (seed 003)."""
