"""The error on adversarial images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from fractalgen.evaluation.evaluated_model import EvaluatedModel, batches_of, evaluating
from fractalgen.evaluation.measurements.measurement import (
    Entry,
    Figure,
    Measured,
    Measurement,
    Options,
    Section,
    count_of,
    of_test_images,
    option,
)
from fractalgen.evaluation.metrics.classification import error_rate

__all__ = ["NORMS", "Adversarial", "AdversarialEntry", "AdversarialOptions", "in_255ths"]

NORMS = {"linf": "L-inf", "l2": "L2"}


@dataclass(frozen=True)
class AdversarialOptions(Options):
    """Steps and strength of the attack."""

    pgd_steps: int = option(20, "Steps of the PGD attack; 0 skips it.", minimum=0)
    pgd_epsilon: float = option(2.0, "Maximum size of the attack, in units of 1/255.", minimum=0)
    pgd_norm: str = option("linf", "Norm of the attack's size.", choices=tuple(NORMS))


@dataclass(frozen=True)
class AdversarialEntry(Entry):
    """The error under projected gradient descent; sizes are shares of the pixel range."""

    error: float
    norm: str
    epsilon: float
    step_size: float
    steps: int
    n: int


class Adversarial(Measurement[AdversarialOptions, AdversarialEntry]):
    """Attacks the chosen test images."""

    key = "adversarial"
    options = AdversarialOptions
    entry = AdversarialEntry

    def plan(
        self, model: EvaluatedModel, options: AdversarialOptions
    ) -> Sequence[Callable[[], Measured]]:
        """Plan the attack, unless it has no steps."""
        return [lambda: self._measure(model, options)] if options.pgd_steps else []

    def _measure(self, model: EvaluatedModel, options: AdversarialOptions) -> Measured:
        import torch

        from fractalgen.evaluation.attacks import Normalized, pgd

        epsilon = options.pgd_epsilon / 255
        step_size = epsilon / 4
        network = Normalized(model.network, model.data.mean, model.data.std)
        device = next(model.network.parameters()).device
        n = len(model.indices)
        predictions = np.empty(n, np.int64)
        done = 0
        with evaluating(model.network):
            for batch in batches_of(model.data.test, model.batch_size, model.indices):
                part = slice(done, done + len(batch))
                pixels = torch.from_numpy(batch).to(device).permute(0, 3, 1, 2).contiguous()
                attacked = pgd(
                    network,
                    pixels.float() / 255,
                    torch.from_numpy(model.labels[part]).to(device),
                    epsilon=epsilon,
                    steps=options.pgd_steps,
                    step_size=step_size,
                    norm=options.pgd_norm,
                    seed=model.seed,
                    indices=model.indices[part].tolist(),
                )
                with torch.no_grad():
                    predictions[part] = network(attacked).argmax(dim=1).cpu().numpy()
                done += len(batch)
                model.progress("attacked images", done, n)
        entry = AdversarialEntry(
            error=error_rate(predictions, model.labels),
            norm=options.pgd_norm,
            epsilon=epsilon,
            step_size=step_size,
            steps=options.pgd_steps,
            n=n,
        )
        return Measured(entry)

    def section(self, entry: AdversarialEntry, n_test: int) -> Section:
        """Return the error under the attack."""
        figure = Figure(
            "error",
            "error under PGD",
            entry.error,
            "Share of wrong predictions on adversarially changed images, within the bound above.",
            main=True,
        )
        return Section(
            "Adversarial images",
            f"{NORMS.get(entry.norm, entry.norm)} {in_255ths(entry.epsilon)}, "
            f"{count_of(entry.steps, 'step')} of {in_255ths(entry.step_size)}, "
            f"{of_test_images(entry.n, n_test)}",
            (figure,),
        )


def in_255ths(size: float) -> str:
    """Format a share of the pixel range, such as ``2/255``."""
    return f"{round(255 * size, 3):g}/255"
