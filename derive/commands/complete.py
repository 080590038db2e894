"""What a shell is offered while a command line is typed: names from the tables, and files."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import click
from click.shell_completion import CompletionItem

Offer = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def a_file(_: click.Context, __: click.Parameter, typed: str) -> list[CompletionItem]:
    """Leaves it to the shell, which knows the files."""
    return [CompletionItem(typed, type="file")]


def one_of(names: Iterable[str], *, or_file: bool = False) -> Offer:
    """Offers those of the names that begin with what is typed, and the files if there are none."""
    known = tuple(names)

    def offered(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        found = [CompletionItem(name) for name in known if name.startswith(typed)]
        return found or (a_file(context, parameter, typed) if or_file else [])

    return offered


def some_of(names: Iterable[str]) -> Offer:
    """The same for names joined by commas: the last is completed, and the others stay."""
    last_of = one_of(names)

    def offered(context: click.Context, parameter: click.Parameter, typed: str) -> list[CompletionItem]:
        before, comma, last = typed.rpartition(",")
        return [CompletionItem(before + comma + item.value) for item in last_of(context, parameter, last)]

    return offered
