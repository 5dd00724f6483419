"""What goes wrong in training and evaluation through no fault of the code."""

__all__ = ["ElsewhereError", "RunError", "RunUsageError"]


class RunError(Exception):
    """Data, weights or a run that cannot be used; the message says why and what to do."""


class RunUsageError(RunError):
    """Something was asked for that does not exist, or that does not go together."""


class ElsewhereError(RunError):
    """What is wrong, another process of the same run says."""
