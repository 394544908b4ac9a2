-- Records of a list may have a place among each other: executions stand by run and date.
ALTER TABLE archive ADD COLUMN place text COLLATE "C" NOT NULL DEFAULT '';
DROP INDEX archive_order;
CREATE INDEX archive_order ON archive (source, place, id);

-- Which executions a pass reads: all, last, or since a date.
ALTER TABLE pass ADD COLUMN chosen text NOT NULL DEFAULT 'all';

-- A row may be planned before its record's details are there: it is not ready while it lacks them.
ALTER TABLE journal ADD COLUMN lacks boolean NOT NULL DEFAULT false;
DROP INDEX journal_ready;
CREATE INDEX journal_ready ON journal (kind, id) WHERE state = 'pending' AND waits = 0 AND NOT lacks;
