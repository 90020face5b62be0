"""Tests of the forge: its answers, its refusals, and what is made of them."""
