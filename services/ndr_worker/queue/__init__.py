"""The bounce queue in PostgreSQL and what the policies remember there: claims first, finishes last."""
