"""One photo that moves as a head of the scene does: the landmarks of its frames, and the film that is drawn of them."""
