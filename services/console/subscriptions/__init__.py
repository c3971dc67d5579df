"""Who gets the reports: the subscriptions as an operator sees and changes them."""
