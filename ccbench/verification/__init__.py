"""What a record claims, against what is there: its own fields, its file, what is installed, and the work done again."""
