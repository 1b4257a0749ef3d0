"""The files of an item snapshot (docs/contracts.md)."""

VERSION = 2
ARRAYS = ("item_key", "int64", "float32", "event_time_us", "popular")
ITEM_IDS = ("item_id_text", "item_id_end")  # only with string ids
OFFERS = "offers.npz"  # only if the shop has offers
REBUILD = "build it anew with `python -m serving.features.snapshot build`"
