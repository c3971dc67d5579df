"""The NDR worker's work by hand: one NDR without sending it, one chain of polls now."""
