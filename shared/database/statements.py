"""Named SQL statements, kept in `.sql` files beside the code that runs them.

A file holds statements under headings such as `-- name: claim_new`; the comment lines below a heading say
what the statement is for, and the statement ends where the next heading begins.
"""

import re
from collections.abc import Mapping
from importlib import resources
from types import MappingProxyType
from typing import LiteralString, cast

_HEADING = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


def load_statements(package: str, file_name: str) -> Mapping[str, LiteralString]:
    """Read the statements of a `.sql` file that is shipped inside a package.

    Args:
        package: dotted name of the package that holds the file.
        file_name: the file's name inside it.

    Returns:
        Each statement by its name. The texts come from our own files, never from data, which is what
        psycopg's `LiteralString` asks for.

    Raises:
        ValueError: two statements of the file have the same name.
    """
    text = resources.files(package).joinpath(file_name).read_text("utf-8")
    _, *parts = _HEADING.split(text)
    names, bodies = parts[::2], parts[1::2]
    if len(set(names)) != len(names):
        raise ValueError(f"{package}/{file_name}: two statements have the same name; rename one")
    return MappingProxyType(
        {name: cast("LiteralString", body.strip()) for name, body in zip(names, bodies, strict=True)}
    )
