"""Git repositories as the orchestrator sees them: mirrored, imported into, published from."""
