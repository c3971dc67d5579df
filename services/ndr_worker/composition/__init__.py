"""Composing delivery status notifications as bytes: pure, no I/O but the wording read once at start."""
