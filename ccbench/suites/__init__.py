"""Papers' tables as data: rows and columns in TOML, what of them can run here, and our numbers beside the published."""
