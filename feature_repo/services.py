"""The features of each model."""

from features.item import item_activity, item_placement, item_profile
from features.user import user_activity, user_affinity, user_history, user_profile
from prepared import service

VIEWS = (
    user_profile,
    user_activity,
    user_history,
    user_affinity,
    item_profile,
    item_activity,
    item_placement,
)

retriever = service("retriever", *VIEWS)
ranker = service("ranker", *VIEWS)
