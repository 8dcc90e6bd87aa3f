"""DC3, dataset condensation with colour compensation."""
