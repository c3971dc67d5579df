"""How far long work is, for whoever waits for it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress as ProgressBar
from rich.progress import TextColumn

#: Is told what is done so far, and of how much; None: nobody knows.
Progress = Callable[[int, int | None], None]


def unheard(_done: int, _in_all: int | None) -> None:
    """Tell nobody."""


@contextmanager
def progress_bar(work: str, unit: str) -> Iterator[Progress]:
    """Show a progress bar on a terminal, on standard error; nothing elsewhere.

    Args:
        work: what is being done.
        unit: what is counted, in the plural.
    """
    terminal = Console(stderr=True)
    columns = (*ProgressBar.get_default_columns(), TextColumn("{task.completed:,} " + unit))
    with ProgressBar(*columns, console=terminal, disable=not terminal.is_terminal, transient=True) as bar:
        task = bar.add_task(work, total=None)
        yield lambda done, in_all: bar.update(task, completed=done, total=in_all)
