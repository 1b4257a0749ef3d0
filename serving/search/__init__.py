"""Search: how texts become words, the index of the catalogue, and what is found in it."""
