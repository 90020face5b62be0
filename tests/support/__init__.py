"""Stand-ins for what tests cannot or should not use for real."""

from pathlib import Path

SCRIPTED_AGENT = Path(__file__).with_name("scripted_agent.py")
