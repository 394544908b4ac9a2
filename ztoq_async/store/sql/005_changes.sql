-- What was found equal may be changed later, by its source or by people: `shown` is a digest of the object as qTest showed
-- it when it was last found equal, `touched` says that it differs and shows something else than it did then.
ALTER TABLE journal ADD COLUMN shown bytea;
ALTER TABLE journal ADD COLUMN touched boolean NOT NULL DEFAULT false;
ALTER TABLE journal ADD COLUMN changing boolean NOT NULL DEFAULT false; -- a change is on its way, and not seen to have arrived
ALTER TABLE journal ADD COLUMN changed_pass integer NOT NULL DEFAULT 0; -- the last pass that changed the object
CREATE INDEX journal_differing ON journal (kind, id) WHERE differences <> '{}' OR changing;

-- What a changed row kept for its children, and the detail of which it was made, before the epoch `until`.
CREATE TABLE former (
    kind text NOT NULL,
    key text NOT NULL,
    until bigint NOT NULL,
    detail bytea NOT NULL,
    version_id bigint,
    step_ids bigint[] NOT NULL,
    PRIMARY KEY (kind, key, until)
);
