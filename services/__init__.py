"""The services of Mailroom; none of them imports another, the console aside."""
