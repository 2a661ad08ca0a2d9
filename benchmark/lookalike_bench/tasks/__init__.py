"""Task files, and the files that they need."""
