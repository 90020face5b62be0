"""`pawl up`: every service on one machine, as child processes of one command."""
