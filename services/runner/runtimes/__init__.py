"""The coding-agent CLIs Pawl can run, one file each."""
