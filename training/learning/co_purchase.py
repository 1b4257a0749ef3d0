"""Learns the item-to-item model from who owns what at a cut-off."""

from datetime import datetime

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.linalg import svds

from training.data import Prepared, known_users, read_users
from training.models.item_to_item import ItemToItem, ItemToItemConfig
from training.schema import ITEM, OWNED, Schema

LEAST_LEFT = 0.05  # of an item that the others explain almost whole


def purchases_at(prepared: Prepared, of: Schema, cutoff: datetime) -> csr_matrix:
    """(U, items) logarithms of decayed counts, by vocabulary row, of everybody with a history."""
    wanted = [i for i in of.inputs if i.name in OWNED[:2]]
    lists = read_users(prepared, wanted, cutoff, known_users(prepared, cutoff)).lists
    owned, scores = (lists[name] for name in OWNED[:2])
    vocabulary = prepared.vocabularies[ITEM]
    rows = vocabulary.look_up(owned.values.astype(np.int64))
    counts = np.nan_to_num(scores.values.astype(np.float64)).clip(min=0.0)
    shape = (len(owned.offsets) - 1, vocabulary.size)
    return csr_matrix((np.log1p(counts), rows, owned.offsets), shape=shape)


def learn(purchases: csr_matrix, config: ItemToItemConfig, seed: int) -> ItemToItem:
    """The autoencoder of (U, items); of a lower rank than asked for where there are fewer users."""
    model = ItemToItem(config).eval()
    directions = min(config.rank, *(n - 1 for n in purchases.shape))
    if directions < 1 or not purchases.nnz:
        return model
    strength, vectors = _strongest(purchases, directions, seed)
    shrinking = strength**2 / (strength**2 + config.ridge)
    left = 1.0 - (vectors**2) @ shrinking
    model.vectors[:, :directions] = torch.from_numpy(vectors.astype(np.float32))
    model.shrinking[:directions] = torch.from_numpy(shrinking.astype(np.float32))
    model.scale.copy_(torch.from_numpy((1.0 / left.clip(min=LEAST_LEFT)).astype(np.float32)))
    return model


def _strongest(
    purchases: csr_matrix, directions: int, seed: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(rank,) singular values, greatest first, and (items, rank) right singular vectors."""
    start = np.random.default_rng(seed).normal(size=min(purchases.shape))
    _, strength, right = svds(purchases, k=directions, v0=start)
    order = np.argsort(-strength)
    vectors = right[order].T
    # A direction's sign is free: the largest entry is made positive, so that a run can be repeated.
    signs = np.sign(vectors[np.abs(vectors).argmax(axis=0), np.arange(directions)])
    return strength[order], vectors * signs
