"""Values that the parts of Tidelab hand to one another. No I/O here."""
