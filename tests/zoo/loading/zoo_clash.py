"""Takes the name of a built-in method."""

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [MethodSpec(name="entropy", target="a:B", version="1", summary="a second entropy")]
