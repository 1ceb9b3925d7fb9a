-- +goose Up
ALTER TABLE account ADD COLUMN multiplexing TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN immutable_keys INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN idle_ignore INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN mfa_password TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN mfa_totp TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN personal_mfa TEXT NOT NULL DEFAULT '';
ALTER TABLE account ADD COLUMN pam_auth_bypass INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN pubkey_auth_optional INTEGER NOT NULL DEFAULT 0;
ALTER TABLE account ADD COLUMN created_with TEXT NOT NULL DEFAULT '';

-- Durations are microseconds.
ALTER TABLE user_group ADD COLUMN mfa_required TEXT NOT NULL DEFAULT '';
ALTER TABLE user_group ADD COLUMN guest_ttl_limit BIGINT NOT NULL DEFAULT 0; -- 0: none
ALTER TABLE user_group ADD COLUMN idle_lock BIGINT; -- null: the global setting
ALTER TABLE user_group ADD COLUMN idle_kill BIGINT; -- null: the global setting

ALTER TABLE role ADD COLUMN ends BIGINT NOT NULL DEFAULT 0;

-- The egress jump host; the address is empty when there is none.
ALTER TABLE access ADD COLUMN proxy_addr BLOB NOT NULL DEFAULT x'';
ALTER TABLE access ADD COLUMN proxy_port INTEGER NOT NULL DEFAULT 0;
ALTER TABLE access ADD COLUMN proxy_login TEXT NOT NULL DEFAULT '';
DROP INDEX access_identity;
CREATE UNIQUE INDEX access_identity ON access
	(coalesce(group_id, 0), coalesce(account_id, 0), network, bits, port, login, proxy_addr, proxy_port, proxy_login);

-- At most one row: the gateway is in maintenance mode.
CREATE TABLE maintenance (
	id INTEGER PRIMARY KEY CHECK (id = 1),
	by TEXT NOT NULL,
	message TEXT NOT NULL,
	at BIGINT NOT NULL
);
