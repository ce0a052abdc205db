"""Trackers for development and tests: on loopback, with a memory, as strict as the real ones, and able to misbehave."""
