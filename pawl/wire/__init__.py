"""What both ends of a wire share: refusals, statuses, servers and channels."""
