"""What search needs before it serves: the index of the catalogue's words, and what measures it."""
