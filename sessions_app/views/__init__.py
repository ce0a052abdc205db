"""Pages. Each view finds, does one verb, and answers."""
