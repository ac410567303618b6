"""The parent of the processes and what it shares with its children: locks, paths, stamp, heartbeats."""
