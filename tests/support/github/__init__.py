"""What GitHub itself says of its API, and recordings of what it has answered."""
