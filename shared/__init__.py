"""What every service stands on: settings, broker, database, wire formats, worker runtime, telemetry."""
