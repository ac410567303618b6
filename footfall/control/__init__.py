"""What a command may ask of a Footfall that runs, or of its data directory."""
