"""One file per RPC: each promise of a proto comment is a test of that name."""
