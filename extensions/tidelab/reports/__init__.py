"""What a run looks like to a person: views of its results, and the report that holds them."""
