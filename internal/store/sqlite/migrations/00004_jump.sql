-- +goose Up
-- The egress jump host of a session; null when there is none.
ALTER TABLE session ADD COLUMN proxy_addr BLOB;
ALTER TABLE session ADD COLUMN proxy_port INTEGER NOT NULL DEFAULT 0;
ALTER TABLE session ADD COLUMN proxy_login TEXT NOT NULL DEFAULT '';

-- Behind a jump host the same address may be another machine. The address of
-- the jump host is empty when there is none.
CREATE TABLE host_key_behind (
	account TEXT NOT NULL,
	addr BLOB NOT NULL,
	port INTEGER NOT NULL,
	proxy_addr BLOB NOT NULL,
	proxy_port INTEGER NOT NULL,
	type TEXT NOT NULL,
	blob BLOB NOT NULL,
	added BIGINT NOT NULL,
	PRIMARY KEY (account, addr, port, proxy_addr, proxy_port, blob)
);
INSERT INTO host_key_behind (account, addr, port, proxy_addr, proxy_port, type, blob, added)
	SELECT account, addr, port, x'', 0, type, blob, added FROM host_key;
DROP TABLE host_key;
ALTER TABLE host_key_behind RENAME TO host_key;
CREATE INDEX host_key_addr ON host_key (addr, port);
