"""Where an event becomes durable before anyone is told that it was accepted, until the writer has it.

In: records of a collector's loop. Out: sealed files; what cannot be read or stored waits aside, or in quarantine.
"""
