"""Tests of the coding-agent CLIs' invocations and readers."""
