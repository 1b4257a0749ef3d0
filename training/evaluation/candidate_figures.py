"""How good the candidates are, and how well the ranker tells the bought ones apart."""

from collections.abc import Mapping

from training.evaluation.answers import OfflineAnswers, pairs, recall_of_candidates
from training.evaluation.classification import classification
from training.evaluation.held_out import Targets
from training.evaluation.intervals import mean_intervals
from training.evaluation.measurements import Measurement, Subject


def candidate_figures(
    subject: Subject,
    targets: Mapping[str, Targets],
    offline: OfflineAnswers,
    threshold: float,
) -> list[Measurement]:
    """Candidate recall by task, and the classification of the candidates of `any`."""
    found: list[Measurement] = []
    for task, lists in offline.lists.items():
        if len(targets[task].user_ids):
            recalls = {"candidate_recall": recall_of_candidates(lists, targets[task])}
            found += [
                subject.measured(task, "pipeline", name, interval)
                for name, interval in mean_intervals(recalls, subject.seed).items()
            ]
    scored = pairs(offline.lists["any"], targets["any"])
    if scored.is_telling:
        found += [
            subject.measured("candidates", "ranker", name, interval)
            for name, interval in classification(scored, threshold, subject.seed).items()
        ]
    return found
