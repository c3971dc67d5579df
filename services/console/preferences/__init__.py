"""The preferences as an operator sees and changes them."""
