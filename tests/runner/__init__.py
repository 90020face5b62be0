"""Tests of the runner service."""
