"""Who says which of two texts is better: models, the offline rule, outside systems, people."""
