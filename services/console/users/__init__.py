"""Who may use the web console, and as what."""
