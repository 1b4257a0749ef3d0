"""The features of each model."""

from features.item import item_activity, item_engagement, item_placement, item_profile
from features.user import (
    user_activity,
    user_affinity,
    user_engagement,
    user_history,
    user_profile,
)
from prepared import service

VIEWS = (
    user_profile,
    user_activity,
    user_history,
    user_affinity,
    user_engagement,
    item_profile,
    item_activity,
    item_placement,
    item_engagement,
)

retriever = service("retriever", *VIEWS)
ranker = service("ranker", *VIEWS)
