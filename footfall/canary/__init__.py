"""The canary: beacons full of marks, and a search for them in every byte that is left (docs/promises.md)."""
