"""Judges what a chaos run has left, by what lies on disk, in /proc and in the remote alone.

Imports nothing of `pawl` or `services`: a defect of theirs must not blind it.
"""
