"""The error under AutoAttack, if pyautoattack is installed."""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np

from fractalgen.errors import RunError
from fractalgen.evaluation.evaluated_model import EvaluatedModel, batches_of, evaluating
from fractalgen.evaluation.measurements.adversarial import NORMS, in_255ths
from fractalgen.evaluation.measurements.measurement import (
    NONE,
    Entry,
    Figure,
    Measured,
    Measurement,
    Options,
    Section,
    of_test_images,
    option,
)
from fractalgen.evaluation.metrics.classification import error_rate
from fractalgen.seeding import rng_for

__all__ = ["ATTACK_PACKAGE", "AutoAttack", "AutoAttackEntry", "AutoAttackOptions"]

ATTACK_PACKAGE = "pyautoattack"
_MIN_CLASSES = 4  # its targeted loss compares the four largest logits


@dataclass(frozen=True)
class AutoAttackOptions(Options):
    """Whether to attack, and how strongly."""

    autoattack: str = option(
        NONE,
        "Run AutoAttack, an ensemble of four attacks, which takes hundreds of passes per image; "
        f"needs the package {ATTACK_PACKAGE}.",
        choices=(NONE, *NORMS),
    )
    autoattack_epsilon: float = option(
        2.0, "Maximum size of AutoAttack's changes, in units of 1/255.", minimum=0
    )


@dataclass(frozen=True)
class AutoAttackEntry(Entry):
    """The error under the standard version of AutoAttack; `epsilon` is a share of the range.

    The random numbers of the attack depend on `batch_size`.
    """

    error: float
    norm: str
    epsilon: float
    n: int
    batch_size: int = 0


class AutoAttack(Measurement[AutoAttackOptions, AutoAttackEntry]):
    """Attacks the chosen test images.

    Source: Croce and Hein, "Reliable evaluation of adversarial robustness with an ensemble of
    diverse parameter-free attacks", ICML 2020.
    """

    key = "autoattack"
    options = AutoAttackOptions
    entry = AutoAttackEntry

    def plan(
        self, model: EvaluatedModel, options: AutoAttackOptions
    ) -> Sequence[Callable[[], Measured]]:
        """Plan the attack if it is asked for, and check that it can run."""
        if options.autoattack == NONE:
            return []
        if importlib.util.find_spec(ATTACK_PACKAGE) is None:
            raise RunError(f"--autoattack needs another package: pip install {ATTACK_PACKAGE}")
        if len(model.data.classes) < _MIN_CLASSES:
            raise RunError(
                f"AutoAttack needs {_MIN_CLASSES} classes or more, and {model.data.name} has "
                f"{len(model.data.classes)}"
            )
        return [lambda: self._measure(model, options)]

    def _measure(self, model: EvaluatedModel, options: AutoAttackOptions) -> Measured:
        import torch
        from pyautoattack import AutoAttack as Attack

        from fractalgen.evaluation.attacks import Normalized

        epsilon = options.autoattack_epsilon / 255
        network = Normalized(model.network, model.data.mean, model.data.std)
        device = next(model.network.parameters()).device
        n = len(model.indices)
        predictions = np.empty(n, np.int64)
        done = 0
        with evaluating(model.network), _quiet():
            for batch in batches_of(model.data.test, model.batch_size, model.indices):
                part = slice(done, done + len(batch))
                pixels = torch.from_numpy(batch).to(device).permute(0, 3, 1, 2).contiguous()
                labels = torch.from_numpy(model.labels[part]).to(device)
                with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
                    attack = Attack(
                        network,
                        norm=NORMS[options.autoattack].replace("-i", "i"),
                        eps=epsilon,
                        seed=int(rng_for(model.seed, "autoattack", done).integers(1 << 31)),
                        device=device,
                    )
                    attacked, _ = attack.run_standard_evaluation(
                        pixels.float() / 255, labels, batch_size=len(batch)
                    )
                with torch.no_grad():
                    predictions[part] = network(attacked).argmax(dim=1).cpu().numpy()
                done += len(batch)
                model.progress("images under AutoAttack", done, n)
        entry = AutoAttackEntry(
            error=error_rate(predictions, model.labels),
            norm=options.autoattack,
            epsilon=epsilon,
            n=n,
            batch_size=model.batch_size,
        )
        return Measured(entry)

    def section(self, entry: AutoAttackEntry, n_test: int) -> Section:
        """Return the error under the attack."""
        figure = Figure(
            "error",
            "error under AutoAttack",
            entry.error,
            "Share of images for which one of four attacks finds a wrong prediction.",
        )
        return Section(
            "AutoAttack",
            f"{NORMS.get(entry.norm, entry.norm)} {in_255ths(entry.epsilon)}, "
            f"{of_test_images(entry.n, n_test)} in batches of {entry.batch_size}",
            (figure,),
        )

    def distributions(self, options: AutoAttackOptions) -> tuple[str, ...]:
        """Return the package, if it is used."""
        return () if options.autoattack == NONE else (ATTACK_PACKAGE,)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the attack's log, which would break the progress bar, off the terminal."""
    logger = logging.getLogger("auto-attack")
    before = logger.disabled
    logger.disabled = True
    try:
        yield
    finally:
        logger.disabled = before
