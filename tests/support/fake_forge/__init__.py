"""A GitHub API on this machine, as well or as badly behaved as a test asks for."""
