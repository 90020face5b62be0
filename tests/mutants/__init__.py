"""Deletes rules one at a time, to see that tests notice."""
