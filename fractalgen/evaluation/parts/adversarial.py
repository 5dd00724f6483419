"""The error on images that were changed against the network."""

import dataclasses

import numpy as np
import torch

from fractalgen.evaluation.attacks import Normalized, pgd
from fractalgen.evaluation.metrics.classification import error_rate
from fractalgen.evaluation.options import EvaluationOptions
from fractalgen.evaluation.predictions import evaluating
from fractalgen.evaluation.results import AdversarialResult, Results
from fractalgen.evaluation.subject import Part, Progress, Subject

__all__ = ["adversarial_parts"]


def adversarial_parts(subject: Subject, options: EvaluationOptions) -> list[Part]:
    """Plan the attack; none if it is to have no steps."""
    if not options.pgd_steps:
        return []

    def measure(results: Results, progress: Progress) -> Results:
        return dataclasses.replace(results, adversarial=_attack(subject, options, progress))

    return [measure]


def _attack(subject: Subject, options: EvaluationOptions, progress: Progress) -> AdversarialResult:
    epsilon = options.pgd_epsilon / 255
    step_size = epsilon / 4
    model = Normalized(subject.model, subject.data.mean, subject.data.std)
    device = model.mean.device
    labels = subject.labels
    predictions = np.empty(len(subject), np.int64)
    done = 0
    with evaluating(subject.model):
        for batch in subject.images():
            part = slice(done, done + len(batch))
            pixels = torch.from_numpy(batch).to(device).permute(0, 3, 1, 2).contiguous()
            attacked = pgd(
                model,
                pixels.float() / 255,
                torch.from_numpy(labels[part]).to(device),
                epsilon=epsilon,
                steps=options.pgd_steps,
                step_size=step_size,
                norm=options.pgd_norm,
                seed=options.seed,
                indices=subject.indices[part].tolist(),
            )
            with torch.inference_mode():
                predictions[part] = model(attacked).argmax(dim=1).cpu().numpy()
            done += len(batch)
            progress("attacked images", done, len(subject))
    return AdversarialResult(
        error=error_rate(predictions, labels),
        norm=options.pgd_norm,
        epsilon=epsilon,
        step_size=step_size,
        steps=options.pgd_steps,
        n=len(subject),
    )
