// Package postgres relays PostgreSQL: it speaks as a server with the person's
// program, asking for no password, and as a client with the real server, whose
// credential the monitor keeps. It reads every message of the person's and
// records every statement before it is forwarded.
//
// The protocol is version 3.0: PostgreSQL 15, chapter 55.
package postgres
