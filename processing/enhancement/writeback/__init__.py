"""Results on their way back to the help desk, as an internal note: written once per text of a ticket."""
