"""Choose the engine that draws a set."""

from typing import cast

from fractalgen.arguments import one_of
from fractalgen.errors import ArgumentError
from fractalgen.mixing_set.engines import ENGINES
from fractalgen.mixing_set.engines.engine import Engine
from fractalgen.registry import shown

__all__ = ["chosen_engine"]


def chosen_engine(
    engine: Engine | str | None, workers: int | None = None, address: str | None = None
) -> Engine:
    """Return an engine by its name, or the engine itself; None is ``local``.

    Raises
    ------
    ArgumentError
        If there is no such engine, or it has no use for `workers` or an address.
    """
    engine = "local" if engine is None else engine
    if address is not None and engine != "ray":
        raise ArgumentError(f"an address needs engine='ray', not {shown(engine)}")
    if callable(getattr(engine, "run", None)) and not isinstance(engine, type):
        return cast(Engine, engine)
    options = {} if address is None else {"address": address}
    made: Engine = ENGINES[one_of("engine", engine, list(ENGINES))](workers=workers, **options)
    return made
