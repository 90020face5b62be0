"""What the orchestrator knows of the Vault that holds the secrets tasks name."""
