"""What a running service tells of itself: metrics, health, logs."""
