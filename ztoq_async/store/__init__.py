"""The store: PostgreSQL, embedded or the user's own; archive, journal and ledger live in it."""
