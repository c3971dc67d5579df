"""What people type into the console, read and checked as the command line reads and checks it."""
