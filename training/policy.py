"""How candidates are gathered: what policy.json of every bundle says, and offline recommendation obeys."""

QUOTAS = {
    "repeat": 160,
    "two_tower": 128,
    "popular": 64,
}  # in the order in which they fill the list
MAX_CANDIDATES = 512
