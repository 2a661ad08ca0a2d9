"""A person plays, and a demonstration comes out: in the terminal, or in a page of this machine where the game is one
of pictures. `recording` keeps what is played, `terminal` and `page` are the two ways to play."""
