-- What the engine of the row's epoch knows since it made the row, and needs not find out again: a digest of the object
-- where it came back as it should be; and in which epoch it was counted what became of the record.
ALTER TABLE journal ADD COLUMN as_made bytea;
ALTER TABLE journal ADD COLUMN accounted bigint NOT NULL DEFAULT 0;
-- What is not settled yet is counted at both ends of every kind.
DROP INDEX journal_open;
CREATE INDEX journal_open ON journal (kind, state, pass) WHERE state IN ('sent', 'doubt', 'pending');
