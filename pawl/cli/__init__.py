"""The `pawl` command: one file per command, each a client of the services."""
