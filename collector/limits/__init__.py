"""How much one network may send and bring, in memory of a fixed size and without a list of anybody."""
