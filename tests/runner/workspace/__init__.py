"""Tests of the workspaces, with real git."""
