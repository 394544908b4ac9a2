-- One migration in one store: which projects, who works on it, what the probe found.
CREATE TABLE migration (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    zephyr text NOT NULL,                 -- base URL and project key
    qtest text NOT NULL,                  -- base URL and project id
    epoch bigint NOT NULL DEFAULT 0,      -- protocol rule 1: one more at each start
    holder text NOT NULL DEFAULT '',      -- JSON: host, boot, process; '' when nobody works on it
    beat_at timestamptz NOT NULL DEFAULT now(),
    findings bytea,                       -- JSON of the probe, null before it
    adopting boolean NOT NULL DEFAULT false, -- rule 12: this pass adopts what the project holds
    created_at timestamptz NOT NULL DEFAULT now()
);

-- Rule 15: what a pass over the source has read. A pass that is not finished is gone on with.
CREATE TABLE pass (
    number integer PRIMARY KEY,
    started_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz,
    report bytea                          -- JSON, the report of its run
);

CREATE TABLE reading (
    pass integer NOT NULL REFERENCES pass,
    source text NOT NULL,
    cursor text NOT NULL DEFAULT '',      -- where the list goes on
    complete boolean NOT NULL DEFAULT false,
    PRIMARY KEY (pass, source)
);

-- Every source record as it came, and what a call of its own had to fetch for it (a script).
CREATE TABLE archive (
    id bigint GENERATED ALWAYS AS IDENTITY,
    source text NOT NULL,
    key text NOT NULL,
    pass integer NOT NULL,                -- the last pass that saw it
    record bytea NOT NULL,
    detail bytea NOT NULL DEFAULT '',
    detail_pass integer NOT NULL DEFAULT 0,
    fault text NOT NULL DEFAULT '',       -- why it cannot be read, '' if it can
    PRIMARY KEY (source, key)
);
CREATE INDEX archive_order ON archive (source, id);

-- One row for each call that makes something (protocol.md, "Journal").
CREATE TABLE journal (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    key text NOT NULL,
    parents text[] NOT NULL DEFAULT '{}', -- names '<kind>:<key>', in the order of the plan
    counted boolean NOT NULL DEFAULT true,
    state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'sent', 'doubt', 'done', 'refused')),
    waits integer NOT NULL DEFAULT 0,     -- parents and predecessors that are not settled yet
    pass integer NOT NULL,                -- the last pass that planned it
    attempt integer NOT NULL DEFAULT 0,
    resent boolean NOT NULL DEFAULT false,
    epoch bigint,                         -- the epoch that sent it
    sent_at timestamptz,
    due_at timestamptz,                   -- in doubt: when it may be looked at (rule 5)
    target_id bigint,
    version_id bigint,
    step_ids bigint[] NOT NULL DEFAULT '{}',
    origin text CHECK (origin IN ('created', 'recovered', 'adopted')),
    made_pass integer,
    reason text NOT NULL DEFAULT '',      -- why it was refused
    seen_pass integer NOT NULL DEFAULT 0, -- the last pass whose verification saw it
    differences text[] NOT NULL DEFAULT '{}',
    UNIQUE (kind, key)
);
CREATE INDEX journal_ready ON journal (kind, id) WHERE state = 'pending' AND waits = 0;
CREATE INDEX journal_open ON journal (kind, state) WHERE state IN ('sent', 'doubt');
CREATE INDEX journal_refused ON journal (id) WHERE state = 'refused';
CREATE INDEX journal_target ON journal (kind, target_id);

CREATE TABLE journal_edge (
    parent bigint NOT NULL REFERENCES journal,
    child bigint NOT NULL REFERENCES journal,
    hard boolean NOT NULL,                -- a refused hard parent refuses the child (rule 14); a soft one only orders
    PRIMARY KEY (parent, child)
);
CREATE INDEX journal_edge_child ON journal_edge (child);

-- Rule 8: targets whose `done` came too late for the epoch that made them.
CREATE TABLE orphan (
    kind text NOT NULL,
    key text NOT NULL,
    target_id bigint NOT NULL,
    epoch bigint NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now()
);

-- What the last account said: counts of each rule, and a row for each loss and refusal.
CREATE TABLE ledger_count (
    kind text NOT NULL,
    attribute text NOT NULL,
    rule text NOT NULL,
    number bigint NOT NULL,
    PRIMARY KEY (kind, attribute, rule)
);
CREATE TABLE ledger_row (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    key text NOT NULL,
    attribute text NOT NULL,
    rule text NOT NULL,
    words text NOT NULL
);
