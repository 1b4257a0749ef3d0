"""Texts of others, as a terminal may be given them."""


def shown(text: str) -> str:
    """Without control characters, which could move the cursor or change what stands above."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
