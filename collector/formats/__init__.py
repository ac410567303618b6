"""The wire formats in which beacons come in, one file each; `format.Format` says what a format is."""
