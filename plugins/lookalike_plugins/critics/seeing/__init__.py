"""What the critic of pixels sees and learns with: objects, motion, ground, demonstrated situations, plans."""
