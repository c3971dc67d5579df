"""Stand-ins for the edges of the house; each is held to the real thing by a conformance suite."""
