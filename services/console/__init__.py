"""What an operator touches: the `mailroom` command line."""
