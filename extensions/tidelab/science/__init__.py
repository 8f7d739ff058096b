"""Pure, cited, tested arithmetic: no I/O, no network, no framework."""
