-- Times are microseconds since 1970, 0 for none. Addresses are their 4 or 16
-- bytes, so that they compare; a network is its first address and a length.

-- +goose Up
CREATE TABLE account (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE CHECK (name <> ''),
	uid INTEGER NOT NULL UNIQUE,
	created BIGINT NOT NULL,
	created_by TEXT NOT NULL,
	comment TEXT NOT NULL,
	frozen_by TEXT, -- null: not frozen
	frozen_reason TEXT NOT NULL,
	frozen_at BIGINT NOT NULL,
	expires BIGINT NOT NULL,
	max_inactive_days INTEGER, -- null: the global setting
	last_login BIGINT NOT NULL,
	always_active INTEGER NOT NULL,
	osh_only INTEGER NOT NULL,
	host_key_policy TEXT NOT NULL
);

CREATE TABLE account_grant (
	account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
	command TEXT NOT NULL,
	PRIMARY KEY (account_id, command)
);

CREATE TABLE ingress_key (
	id INTEGER PRIMARY KEY,
	account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
	type TEXT NOT NULL,
	blob BLOB NOT NULL,
	comment TEXT NOT NULL,
	sources TEXT NOT NULL, -- networks, comma separated
	added_by TEXT NOT NULL,
	added_at BIGINT NOT NULL,
	uniq_id TEXT NOT NULL,
	UNIQUE (account_id, blob)
);

CREATE TABLE user_group (
	id INTEGER PRIMARY KEY,
	name TEXT NOT NULL UNIQUE CHECK (name <> ''),
	created BIGINT NOT NULL,
	created_by TEXT NOT NULL
);

CREATE TABLE role (
	group_id INTEGER NOT NULL REFERENCES user_group (id) ON DELETE CASCADE,
	role TEXT NOT NULL,
	account_id INTEGER NOT NULL REFERENCES account (id) ON DELETE CASCADE,
	PRIMARY KEY (group_id, role, account_id)
);
CREATE INDEX role_account ON role (account_id);

CREATE TABLE egress_key (
	id INTEGER PRIMARY KEY AUTOINCREMENT, -- what is sealed under an id never meets another key
	account_id INTEGER REFERENCES account (id) ON DELETE CASCADE,
	group_id INTEGER REFERENCES user_group (id) ON DELETE CASCADE,
	type TEXT NOT NULL,
	blob BLOB NOT NULL,
	size INTEGER NOT NULL,
	fingerprint TEXT NOT NULL,
	comment TEXT NOT NULL,
	created BIGINT NOT NULL,
	sealed BLOB NOT NULL,
	CHECK ((account_id IS NULL) <> (group_id IS NULL))
);
CREATE INDEX egress_key_account ON egress_key (account_id);
CREATE INDEX egress_key_group ON egress_key (group_id);

-- Of an account (personal), of a group, or, with both, of a guest in a group.
CREATE TABLE access (
	id INTEGER PRIMARY KEY,
	account_id INTEGER REFERENCES account (id) ON DELETE CASCADE,
	group_id INTEGER REFERENCES user_group (id) ON DELETE CASCADE,
	login TEXT NOT NULL,
	network BLOB NOT NULL,
	bits INTEGER NOT NULL,
	port INTEGER NOT NULL,
	expires BIGINT NOT NULL,
	force_key TEXT NOT NULL,
	force_password TEXT NOT NULL,
	legacy INTEGER NOT NULL,
	comment TEXT NOT NULL,
	added_by TEXT NOT NULL,
	added_at BIGINT NOT NULL,
	CHECK (account_id IS NOT NULL OR group_id IS NOT NULL)
);
CREATE UNIQUE INDEX access_identity
	ON access (coalesce(group_id, 0), coalesce(account_id, 0), network, bits, port, login);
CREATE INDEX access_account ON access (account_id);

-- By name: the accounts of a realm have known hosts too.
CREATE TABLE host_key (
	account TEXT NOT NULL,
	addr BLOB NOT NULL,
	port INTEGER NOT NULL,
	type TEXT NOT NULL,
	blob BLOB NOT NULL,
	added BIGINT NOT NULL,
	PRIMARY KEY (account, addr, port, blob)
);
CREATE INDEX host_key_addr ON host_key (addr, port);

CREATE TABLE session (
	id TEXT PRIMARY KEY,
	account TEXT NOT NULL,
	realm TEXT NOT NULL,
	type TEXT NOT NULL,
	allowed INTEGER NOT NULL,
	from_addr BLOB,
	from_port INTEGER NOT NULL,
	via_addr BLOB,
	via_port INTEGER NOT NULL,
	to_addr BLOB,
	to_port INTEGER NOT NULL,
	host_to TEXT NOT NULL,
	login TEXT NOT NULL,
	plugin TEXT NOT NULL,
	params TEXT NOT NULL,
	comment TEXT NOT NULL,
	started BIGINT NOT NULL,
	recording INTEGER NOT NULL,
	end_at BIGINT, -- null: running, or lost
	end_code INTEGER NOT NULL,
	end_signal TEXT NOT NULL,
	end_comment TEXT NOT NULL,
	end_bytes BIGINT NOT NULL
);
CREATE INDEX session_started ON session (started);
CREATE INDEX session_account ON session (account, started);
CREATE INDEX session_target ON session (to_addr, started);
