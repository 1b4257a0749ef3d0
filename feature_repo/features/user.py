"""What is known of a person at a cut-off."""

from entities import user
from prepared import view

user_profile = view("user_profile", user)
user_activity = view("user_activity", user)
user_history = view("user_history", user)
user_affinity = view("user_affinity", user)
user_engagement = view("user_engagement", user)
