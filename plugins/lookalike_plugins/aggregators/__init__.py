"""Built-in aggregators, one file each."""
