"""How the instance is: what its processes tell of themselves, and what follows from it."""
