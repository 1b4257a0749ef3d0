"""How candidates are gathered, before anything is learned of it."""

MAX_CANDIDATES = 512
REPEAT, POPULAR = "repeat", "popular"  # the sources that no model is behind
