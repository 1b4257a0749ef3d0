"""What can be wrong with a data set."""

from collections.abc import Sequence


class DataSetError(Exception):
    """The data set can't be used; the message says why and what to do."""


class DescriptionError(DataSetError):
    """The folder isn't what dataset.yaml has to say, or does say; a sentence a problem."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


class DamagedFile(DataSetError):
    """A table's file begins and ends as it should, and can't be read in between."""
