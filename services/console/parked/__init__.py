"""Parked messages: what no worker could process, to be looked at, replayed or discarded."""
