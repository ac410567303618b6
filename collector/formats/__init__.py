"""The wire formats in which beacons come in, one file each; `endpoint.Format` says what a format is."""
