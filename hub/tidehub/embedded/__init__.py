"""Embedded mode: one command that starts the proxy and the hub on this machine and ends them together."""
