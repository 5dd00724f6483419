"""How many of something, in words."""

__all__ = ["count_of"]


def count_of(n: int, one: str, many: str | None = None) -> str:
    """Write a number with its noun, such as ``1 kind`` or ``1,000 kinds``.

    Parameters
    ----------
    n : int
        How many.
    one : str
        What a single one is called.
    many : str, optional
        What several are called; with an s at the end if it is not given.
    """
    return f"{n:,} {one if n == 1 else many or f'{one}s'}"
