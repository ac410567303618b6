"""Numbers for programs that speak the Model Context Protocol: `footfall mcp`."""
