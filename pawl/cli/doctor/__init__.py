"""`pawl doctor`."""
