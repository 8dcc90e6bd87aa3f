"""What there is to run: offers as data, found in plugins, read from what users write."""
