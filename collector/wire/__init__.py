"""The wire formats in which beacons come in, one file each; `base.Format` says what a format is."""
