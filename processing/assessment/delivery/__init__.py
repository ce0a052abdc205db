"""Events on their way out: to a Redis stream, and by signed webhooks."""
