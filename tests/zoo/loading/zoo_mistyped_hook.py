"""Its hook's name has a letter too few."""

from ccbench import hookimpl


@hookimpl
def ccbench_method():
    return []
