"""Asks for a stage that its spec does not declare."""

from ccbench import MethodSpec, hookimpl


@hookimpl
def ccbench_methods():
    summary = "Asks for a stage that its spec does not declare."
    return [MethodSpec(name="zoo-undeclared", target="zoo_undeclared:Animal", version="1", summary=summary)]


class Animal:
    def compress(self, task):
        task.stage("features")
