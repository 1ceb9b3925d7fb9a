-- +goose Up
-- Passwords of an account or of a group, the newest of each being the current
-- one. The hashes are there to be listed, the password itself is sealed.
CREATE TABLE egress_password (
	id INTEGER PRIMARY KEY AUTOINCREMENT, -- newer is greater, and audit records go by it
	account_id INTEGER REFERENCES account (id) ON DELETE CASCADE,
	group_id INTEGER REFERENCES user_group (id) ON DELETE CASCADE,
	md5crypt TEXT NOT NULL,
	sha256crypt TEXT NOT NULL,
	sha512crypt TEXT NOT NULL,
	type8 TEXT NOT NULL,
	type9 TEXT NOT NULL,
	created BIGINT NOT NULL,
	created_by TEXT NOT NULL,
	created_with TEXT NOT NULL,
	sealed BLOB NOT NULL,
	CHECK ((account_id IS NULL) <> (group_id IS NULL))
);
CREATE INDEX egress_password_account ON egress_password (account_id);
CREATE INDEX egress_password_group ON egress_password (group_id);
