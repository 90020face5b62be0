"""Pictures of what people get to see, to be looked at."""
