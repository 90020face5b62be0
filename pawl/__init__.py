"""Runs coding-agent tasks step by step and lands each as one branch or pull request."""

__version__ = "0.1.0"
