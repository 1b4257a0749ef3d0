from math import log

import numpy as np
import pytest
import torch

from training.models.retriever_lesson import recall, sampled_softmax


def test_the_loss_is_that_of_a_loop_over_purchases() -> None:
    draw = np.random.default_rng(2)
    logits, log_q = draw.normal(size=(3, 6)), np.log(draw.uniform(0.1, 1, 6))
    barred = draw.random((3, 6)) < 0.3
    bought = [(0, 1), (0, 4), (2, 5)]
    losses = []
    for user, item in bought:
        rest = sum(np.exp(logits[user, j] - log_q[j]) for j in range(6) if not barred[user, j])
        losses.append(log(np.exp(logits[user, item]) + rest) - logits[user, item])
    batch = {
        "pool_log_q": torch.from_numpy(log_q),
        "barred": torch.from_numpy(barred),
        "bought_user": torch.tensor([user for user, _ in bought]),
        "bought_item": torch.tensor([item for _, item in bought]),
    }
    found = sampled_softmax(torch.from_numpy(logits), batch)
    assert float(found) == pytest.approx(np.mean(losses), rel=1e-6)


def test_weighing_draws_by_their_probability_estimates_the_whole_catalogue() -> None:
    draw = np.random.default_rng(5)
    items, draws = 400, 150
    logits = torch.from_numpy(draw.normal(size=(1, items)))
    p = draw.uniform(0.2, 5, items)
    p /= p.sum()
    inclusion = -np.expm1(draws * np.log1p(-p))
    whole = float(torch.exp(logits[0, 1:]).sum())
    sums = []
    for _ in range(400):
        drawn = np.isin(np.arange(items), draw.choice(items, draws, p=p))
        drawn[0] = False
        sums.append(float(np.sum(np.exp(logits[0].numpy()[drawn]) / inclusion[drawn])))
    assert np.mean(sums) == pytest.approx(whole, rel=0.02)


def test_recall_counts_each_users_purchases_among_the_best() -> None:
    scores = torch.tensor([[5.0, 4.0, 3.0, 2.0], [1.0, 2.0, 3.0, 4.0]])
    batch = {"bought_user": torch.tensor([0, 0, 1]), "bought_item": torch.tensor([0, 3, 3])}
    assert recall(scores, batch, 2).tolist() == [0.5, 1.0]
