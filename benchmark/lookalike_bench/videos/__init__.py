"""Videos of human play: reading them frame by frame, and rendering recorded play into them."""
