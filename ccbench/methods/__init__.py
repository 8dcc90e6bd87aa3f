"""What runs one method: its task, its budget, what it must leave alone, and what its result depends on."""
