"""Text that any terminal can show."""

__all__ = ["printable"]


def printable(text: str, encoding: str | None) -> str:
    """Write what an encoding does not have in other signs: of a name that is no text, ``?``."""
    encoding = encoding or "utf-8"
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = text.replace("±", "+/-").replace("\N{EN DASH}", "-")
        return text.encode(encoding, "replace").decode(encoding)
    return text
