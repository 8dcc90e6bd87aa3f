"""One method without a version and one that is sound."""

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [
        MethodSpec(name="zoo-no-version", target="a:B", version="", summary="has no version"),
        MethodSpec(name="zoo-sound-neighbour", target="a:B", version="1", summary="is listed all the same"),
    ]
