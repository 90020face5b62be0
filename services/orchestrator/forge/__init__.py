"""GitHub and GitHub Enterprise, as the place where pull requests are opened."""
