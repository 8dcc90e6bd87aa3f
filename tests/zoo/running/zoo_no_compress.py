"""Has no compress method."""

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    return [
        MethodSpec(
            name="zoo-no-compress", target="zoo_no_compress:Animal", version="1", summary="Has no compress method."
        )
    ]


class Animal:
    """Nothing."""
