"""The commands of `footfall`, by what they are for."""
