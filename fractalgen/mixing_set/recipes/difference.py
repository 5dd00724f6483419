"""What keeps a request from being added to a set."""

import json
from dataclasses import dataclass
from typing import Any

__all__ = ["Difference"]


@dataclass(frozen=True)
class Difference:
    """A key whose values in the set and in the request contradict each other."""

    key: str
    existing: Any
    requested: Any

    def __str__(self) -> str:
        family, _, key = self.key.rpartition(".")
        if key == "version":
            if self.existing is None:
                return (
                    f"{family} was drawn by an early fractalgen, which recorded no version; this "
                    f"one draws version {self.requested}"
                )
            return (
                f"{family} has version {self.existing} in the set, but this fractalgen draws "
                f"version {self.requested}"
            )
        if key == "classes":
            if self.existing:
                return "the set has classes, but images without classes were requested"
            return "the set has no classes, but classes were requested"
        existing, requested = json.dumps(self.existing), json.dumps(self.requested)
        return f"{self.key} is {existing} in the set, but {requested} was requested"
