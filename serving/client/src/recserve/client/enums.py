"""The API's words. Each UNKNOWN is a value that is newer than this client, or that was not sent."""

from enum import StrEnum


class Surface(StrEnum):
    """Where an answer is shown."""

    PRODUCT = "product"
    CONTENT = "content"
    AD = "ad"
    MEMBERSHIP_OFFER = "membership_offer"
    PROMOTION = "promotion"
    SEARCH = "search"
    UNKNOWN = "unknown"


class Device(StrEnum):
    """What a person looks at an answer with."""

    DESKTOP = "desktop"
    PHONE = "phone"
    TABLET = "tablet"
    TELEVISION = "television"
    KIOSK = "kiosk"
    UNKNOWN = "unknown"


class CandidateSource(StrEnum):
    """Who proposed an item."""

    REPEAT = "repeat"
    TWO_TOWER = "two_tower"
    POPULAR = "popular"
    REQUEST = "request"
    SIMILAR = "similar"
    OFFER = "offer"
    SASREC = "sasrec"
    ITEM_TO_ITEM = "item_to_item"
    OTHER = "other"
    LEXICAL = "lexical"
    SEMANTIC = "semantic"
    UNKNOWN = "unknown"


class QueryMatch(StrEnum):
    """How the items of a search fit its query."""

    ALL = "all"
    SOME = "some"
    NONE = "none"
    MEANING = "meaning"
    UNKNOWN = "unknown"


class RemovalReason(StrEnum):
    """Why a candidate was removed."""

    EXCLUDED = "excluded"
    PURCHASED = "purchased"
    NOT_IN_SNAPSHOT = "not_in_snapshot"
    OVER_CAPACITY = "over_capacity"
    FILTERED = "filtered"
    NOT_RUNNING = "not_running"
    UNKNOWN = "unknown"


class DegradationReason(StrEnum):
    """Why something was done less well than asked."""

    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    FAILED = "failed"
    STALE = "stale"
    LAYOUT = "layout"
    OUT_OF_VOCABULARY = "out_of_vocabulary"
    BEHIND = "behind"
    NO_TIME = "no_time"
    UNKNOWN = "unknown"


class DegradationAction(StrEnum):
    """What was done instead."""

    DROPPED_SOURCE = "dropped_source"
    DEFAULT_FEATURES = "default_features"
    SERVED_MARKED = "served_marked"
    UNRANKED = "unranked"
    UNEXPLAINED = "unexplained"
    DROPPED_MEMBER = "dropped_member"
    UNKNOWN = "unknown"


class FilterKind(StrEnum):
    """What a filter's field holds: a text takes `any_of`, a number the bounds."""

    TEXT = "text"
    NUMBER = "number"
    UNKNOWN = "unknown"


class IdKind(StrEnum):
    """What a shop's ids are."""

    INTEGER = "integer"
    STRING = "string"
    UNKNOWN = "unknown"
