"""What is known of a beacon beside what it says: page, referrer, geo, device, bots; tables of others in `data/`."""
