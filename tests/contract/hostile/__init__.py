"""What somebody with ill intent, or bad luck, puts into a payload."""
