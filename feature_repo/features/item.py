"""What is known of an item at a cut-off; its promotions are known in advance."""

from entities import item
from prepared import view

item_profile = view("item_profile", item)
item_activity = view("item_activity", item)
item_placement = view("item_placement", item)
item_engagement = view("item_engagement", item)
