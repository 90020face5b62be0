"""Tests of how the orchestrator handles repositories."""
