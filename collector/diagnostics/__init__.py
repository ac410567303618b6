"""What can be told of what became of beacons: why one is missing, what other settings would count, a preview."""
