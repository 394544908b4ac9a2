-- What a start has done for its whole pass, and the next one of the same pass need not do again.
ALTER TABLE pass ADD COLUMN source bytea; -- JSON of the tables and values seen, once all lists are read

CREATE TABLE planned (
    pass integer NOT NULL REFERENCES pass,
    kind text NOT NULL,                   -- all its rows are in the journal
    basis bytea NOT NULL,                 -- digest of what the plan depends on beside the archive
    late integer NOT NULL,                -- how many of its rows were made before others that belong before them
    read_back boolean NOT NULL DEFAULT false, -- what is verified before others begin was (rule 16)
    PRIMARY KEY (pass, kind)
);
