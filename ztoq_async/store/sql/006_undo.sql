-- Rule 7: when a row was first sent; and whether its parent must still be listed again, since it was sent a second time.
ALTER TABLE journal ADD COLUMN first_sent_at timestamptz;
ALTER TABLE journal ADD COLUMN relist boolean NOT NULL DEFAULT false;
UPDATE journal SET relist = true WHERE resent;
CREATE INDEX journal_relist ON journal (kind, id) WHERE relist;
CREATE INDEX journal_resent ON journal (kind, id) WHERE resent;

-- Rule 19: the call that deletes a row's object was sent (undoing); the object is gone, and the row may be planned anew.
ALTER TABLE journal DROP CONSTRAINT journal_state_check;
ALTER TABLE journal ADD CONSTRAINT journal_state_check
    CHECK (state IN ('pending', 'sent', 'doubt', 'done', 'refused', 'undoing', 'gone'));
CREATE INDEX journal_undoing ON journal (kind, id) WHERE state = 'undoing';
