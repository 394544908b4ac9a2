-- What the engine of a pass uses, as it said a few seconds ago: for those who look from outside.
CREATE TABLE resource_sample (
    pass integer PRIMARY KEY REFERENCES pass,
    taken_at timestamptz NOT NULL DEFAULT now(),
    ended boolean NOT NULL,               -- the engine said goodbye: this is its last one
    sample bytea NOT NULL                 -- JSON
);
