"""What `make demo` and the integration tests run on: servers for a while, and a mail catcher."""
