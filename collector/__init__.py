"""Takes beacons in: each is read, anonymized in memory, and on disk before it is answered.

The rooms from the ground up, each of which imports those above it in this list at most:

    text       primitives on untrusted text, in linear time       outcome   every way a beacon can end
    limits     how much one network may send and bring            tokens    secrets of which digests are stored
    privacy    address, scrubber, visitor number                  keys      the visitor keys of the day
    settings   what the settings file says of the collector
    enrich     page, referrer, geo, device, bots, site filter     model     Beacon, Client, Rules, Draft
    steps      what happens to one beacon for one site            wire      the formats in which beacons come
    diagnostics  why one is missing, shadow mode, a preview
    service    from beacons to the spool
    edge       HTTP: connections, endpoints, visitors' rights, scripts
"""
