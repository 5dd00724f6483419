"""How well a score separates OOD images (positives) from test images."""

from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fractalgen.evaluation.metrics import finite, max_softmax

__all__ = [
    "SCORES",
    "aupr",
    "auroc",
    "energy_scores",
    "fpr_at_95_tpr",
    "max_logit_scores",
    "softmax_scores",
]


def softmax_scores(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the negative maximum softmax probability, from -1 (certain) to -1 / n_classes.

    Source: Hendrycks and Gimpel, "A baseline for detecting misclassified and out-of-distribution
    examples in neural networks", ICLR 2017.
    """
    scores: NDArray[np.float64] = -max_softmax(logits)
    return scores


def max_logit_scores(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the negative maximum logit.

    Source: Hendrycks et al., "Scaling out-of-distribution detection for real-world settings",
    ICML 2022.
    """
    scores: NDArray[np.float64] = -np.asarray(logits, np.float64).max(axis=1)
    return scores


def energy_scores(logits: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Return the free energy -log(sum over classes of exp(logit)).

    Source: Liu, Wang, Owens and Li, "Energy-based out-of-distribution detection", NeurIPS 2020,
    at temperature 1.
    """
    outputs = np.asarray(logits, np.float64)
    top = outputs.max(axis=1)
    scores: NDArray[np.float64] = -(top + np.log(np.exp(outputs - top[:, None]).sum(axis=1)))
    return scores


SCORES = MappingProxyType(
    {"softmax": softmax_scores, "max_logit": max_logit_scores, "energy": energy_scores}
)
"""Functions of logits (n, classes) whose results are larger for images that look OOD."""


def auroc(ood: ArrayLike, test: ArrayLike) -> float:
    """Return the area under the receiver operating characteristic of two arrays of scores.

    It is the probability that an OOD image scores higher than a test image, where a tie counts a
    half; chance is a half.
    """
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(*_labelled(ood, test)))


def aupr(ood: ArrayLike, test: ArrayLike) -> float:
    """Return the area under the precision-recall curve as the average precision.

    AP = sum over thresholds i, from the highest score down, of (R_i - R_(i-1)) * P_i with
    precision P and recall R; equal scores are one threshold. Chance is the share of OOD images.
    """
    from sklearn.metrics import average_precision_score

    return float(average_precision_score(*_labelled(ood, test)))


def fpr_at_95_tpr(ood: ArrayLike, test: ArrayLike) -> float:
    """Return the share of test images flagged as OOD when 95% of the OOD images are.

    The threshold is the highest score at which at least 95% of the OOD images are flagged.
    """
    from sklearn.metrics import roc_curve

    false_rate, true_rate, _ = roc_curve(*_labelled(ood, test), drop_intermediate=False)
    return float(false_rate[np.argmax(true_rate >= 0.95)])


def _labelled(ood: ArrayLike, test: ArrayLike) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    positive, negative = finite("ood", ood), finite("test", test)
    scores = np.concatenate([positive, negative])
    return np.arange(len(scores)) < len(positive), scores
