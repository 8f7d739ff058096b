"""The engine that runs the servers in docker mode, and what keeps them apart."""
