"""The journey through the Compose stack: ``python -m tests.journeys.compose``."""
