"""Pure: which texts to compare, what the comparisons say, and how far to trust it. Numbers in, numbers out."""
