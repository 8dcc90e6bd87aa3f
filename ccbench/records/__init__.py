"""What is written down: cells, one record for each attempt at one, and the folder that holds them."""
