"""From whatever a person points at to decoded images, and a sentence for each file that cannot be used."""
