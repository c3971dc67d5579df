"""Mails as they would be, or were, sent: text, HTML and headers, the HTML in a frame that can do nothing."""
