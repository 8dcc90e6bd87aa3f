"""From a request to its records: cells, artifacts, their order, the workers that do them, and what is shown."""
