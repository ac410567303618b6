"""How the house is: what its processes tell of themselves, and what follows from it."""
