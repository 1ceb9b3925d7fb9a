-- +goose Up
-- Deleted accounts, each with all that it had, as JSON. The private halves of
-- its egress keys in there are sealed for the archive only.
CREATE TABLE archive (
	id INTEGER PRIMARY KEY AUTOINCREMENT, -- who names one must not meet another
	account TEXT NOT NULL,
	by TEXT NOT NULL,
	at BIGINT NOT NULL,
	content TEXT NOT NULL
);
