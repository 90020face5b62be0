"""Tests of the contract, file for file."""
