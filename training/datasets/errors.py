"""What can be wrong with a data set."""


class DataSetError(Exception):
    """The data set can't be used; the message says why and what to do."""
