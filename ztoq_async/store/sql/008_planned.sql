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

-- What is to be planned again for another chance.
DROP INDEX journal_refused;
CREATE INDEX journal_reason ON journal (kind, pass) WHERE reason <> '';

-- What is ready is claimed in the order of ids. No other index may seem to have that order: by the ids of the table
-- all that was made before would be passed over, at every claim.
DROP INDEX journal_ready;
CREATE INDEX journal_ready ON journal (kind, (id + 0)) WHERE state = 'pending' AND waits = 0 AND NOT lacks;

-- A key is looked up by the index of keys. What is not made has no target to be found by, and without this condition an
-- index that begins with the kind, too, is taken for as good while no statistics know the kind: it is read whole.
DROP INDEX journal_target;
CREATE INDEX journal_target ON journal (kind, target_id) WHERE target_id IS NOT NULL;

-- Edges are written by ids that the same transaction has looked up, and rows are never deleted: to check each end once
-- more takes as long as the rest, and locks the parent.
ALTER TABLE journal_edge DROP CONSTRAINT journal_edge_parent_fkey, DROP CONSTRAINT journal_edge_child_fkey;
