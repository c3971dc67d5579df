"""How times are written in English: as the command line writes them."""
