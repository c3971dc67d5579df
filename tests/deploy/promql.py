"""Which series an expression in PromQL asks for: enough of its grammar to name metrics and labels."""

import re
from dataclasses import dataclass

_STRING = re.compile(r""""(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'""")
_RANGE = re.compile(r"\[[^\]]*\]")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)")
#: A name, with matchers if it is that of a metric, with a parenthesis if it is that of a function.
_NAME = re.compile(r"(?<![\w.:$])([a-zA-Z_:][\w:]*)\s*(?:\{([^}]*)\})?\s*(\()?")
_LABEL = re.compile(r"\w+(?=\s*(?:=~|!~|!=|=))")
_WORDS = {"and", "or", "unless", "bool", "offset"}


@dataclass(frozen=True)
class Asked:
    """What an expression asks for.

    Attributes:
        metrics: their names, each with the labels that it is selected by.
        grouping: the labels that are kept or matched on.
    """

    metrics: tuple[tuple[str, frozenset[str]], ...]
    grouping: frozenset[str]

    @property
    def names(self) -> set[str]:
        return {name for name, _ in self.metrics}


def asked(expression: str) -> Asked:
    """Read an expression."""
    bare = _RANGE.sub("", _STRING.sub('""', expression))
    grouping = frozenset(re.findall(r"\w+", " ".join(_GROUPING.findall(bare))))
    names = _NAME.finditer(_GROUPING.sub("", bare))
    metrics = tuple(
        (name[1], frozenset(_LABEL.findall(name[2] or "")))
        for name in names
        if not name[3] and name[1] not in _WORDS
    )
    return Asked(metrics, grouping)
