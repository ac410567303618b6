"""Primitives on untrusted text, in linear time: patterns, percent-decoding, a limit in bytes."""
