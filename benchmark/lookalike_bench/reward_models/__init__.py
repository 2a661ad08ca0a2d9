"""What a critic learned from watching: the reward model as data, and the judge that follows an outline."""
