"""Built-in players, one file each."""
