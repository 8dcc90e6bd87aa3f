"""What is benchmarked: every built-in comes through the same entry points as a third party's."""
