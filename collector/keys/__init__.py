"""The visitor keys of the day: made, kept in RAM, handed to enrolled collectors, destroyed."""
