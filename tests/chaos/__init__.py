"""Kills and stops what runs, and has a checker that shares no code with it judge the rest."""
