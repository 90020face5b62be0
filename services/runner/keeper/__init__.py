"""The small process that holds one run; the standard library alone, so that it starts at once."""
