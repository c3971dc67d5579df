"""The console's first page: every number that matters, each leading to its rows."""
