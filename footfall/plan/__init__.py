"""What changed settings would do to what is stored already: `footfall plan`."""
