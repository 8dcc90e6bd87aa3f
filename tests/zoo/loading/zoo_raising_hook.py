"""Its hook raises."""

from ccbench import hookimpl


@hookimpl
def ccbench_methods():
    raise RuntimeError("the hook of the zoo raises")
