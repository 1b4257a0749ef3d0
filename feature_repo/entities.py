"""Whom and what features describe."""

from feast import Project
from prepared import FEATURES, entity

project = Project(name=FEATURES["project"], description="Features of a shop's users and items")
user = entity("user")
item = entity("item")
