-- +goose Up
-- Databases that groups offer. Durations are microseconds.
CREATE TABLE database (
	id INTEGER PRIMARY KEY AUTOINCREMENT,
	group_id INTEGER NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
	name TEXT NOT NULL UNIQUE CHECK (name <> ''),
	host TEXT NOT NULL,
	port INTEGER NOT NULL,
	dbname TEXT NOT NULL, -- at the server
	login TEXT NOT NULL,
	role TEXT NOT NULL,
	tls TEXT NOT NULL,
	ca TEXT NOT NULL,
	hook TEXT NOT NULL,
	certificate TEXT NOT NULL,
	allowed TEXT NOT NULL,
	row_limit BIGINT NOT NULL,
	statement_timeout BIGINT NOT NULL,
	idle_in_transaction BIGINT NOT NULL,
	parameters TEXT NOT NULL,
	results INTEGER NOT NULL,
	expires BIGINT NOT NULL,
	comment TEXT NOT NULL,
	added_by TEXT NOT NULL,
	added_at BIGINT NOT NULL,
	sealed_password BLOB, -- null: it has none
	sealed_key BLOB -- of the certificate; null: it has none
);
CREATE INDEX database_group ON database (group_id);

-- Who may use a database without being a member of its group.
CREATE TABLE database_guest (
	database_id INTEGER NOT NULL REFERENCES database (id) ON DELETE CASCADE,
	account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
	allowed TEXT NOT NULL,
	expires BIGINT NOT NULL,
	comment TEXT NOT NULL,
	added_by TEXT NOT NULL,
	added_at BIGINT NOT NULL,
	PRIMARY KEY (database_id, account_id)
);
CREATE INDEX database_guest_account ON database_guest (account_id);
