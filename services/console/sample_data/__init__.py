"""Sample data: a small, deterministic Exchange estate and a bounce queue that is as nasty as the real world.

`rows` says what a row is; `topology`, `events`, `last_seen`, `domain_pairs` and `bounces` (with `originals`
and `replies`) are pure generators; `sample` puts them together; `load` writes them to PostgreSQL.
"""
