"""Following a job until it has ended: `pawl watch`, and the same for `pawl submit`."""
