"""Somebody's own data set: a folder in the contract's form, checked and copied."""

import shutil
from pathlib import Path

from rich.console import Console

from training.datasets.errors import DataSetError
from training.datasets.folder import replacing
from training.prepare.contract import open_data_set

DESCRIPTION = "dataset.yaml"


def copy(source: Path, out: Path, console: Console) -> None:
    """Takes `source`'s tables and description to `out`, whole or not at all.

    Raises:
        DataSetError: the folder is not a data set; every problem is named.
    """
    if not source.is_dir():
        raise DataSetError(f"{source} is no folder; DATA names one that holds {DESCRIPTION}")
    name = open_data_set(source).name
    with replacing(out) as folder:
        for path in sorted(source.glob("*.parquet")):
            shutil.copyfile(path, folder / path.name)
        shutil.copyfile(source / DESCRIPTION, folder / DESCRIPTION)
    console.print(f"{out}: the data set {name}, copied from {source}")
