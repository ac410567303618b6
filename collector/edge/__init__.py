"""The HTTP edge: connections, the endpoints of the wire formats, what visitors can ask, the pages and scripts."""
