"""Checkouts on this runner: made from packs, read back as trees."""
