"""Tidehub: the JupyterHub of Tidelab."""
