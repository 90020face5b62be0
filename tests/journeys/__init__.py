"""Tests of the whole stack with real command line tools."""
