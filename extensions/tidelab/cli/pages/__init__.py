"""The generated documentation pages, one module each."""
