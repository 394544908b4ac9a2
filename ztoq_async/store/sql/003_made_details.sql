-- The detail of which a record was made, where a later pass has read another: results belong to the steps that qTest has.
ALTER TABLE archive ADD COLUMN made_detail bytea;
