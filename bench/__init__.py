"""Benchmarks: how fast the services are beside a bare gRPC server on the same machine."""
