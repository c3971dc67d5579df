"""The NDR worker: which bounced entries are reported, and the notifications that report them."""
