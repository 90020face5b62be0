"""Tests of the keeper, on real processes."""
