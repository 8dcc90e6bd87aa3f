"""Its hook forgets to return."""

from ccbench import hookimpl


@hookimpl
def ccbench_methods():
    pass
