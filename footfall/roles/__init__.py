"""What each process of Footfall runs: a collector worker, the engine, the key service."""
