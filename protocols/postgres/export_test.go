package postgres

import "gateway"

// Examined is what the gateway makes of a text.
type Examined struct {
	Class  gateway.DatabaseRights
	Count  int
	GoesOn bool
}

// Examine is for the test that compares it with the server.
func Examine(text string, backslashes bool) Examined {
	d := examine(text, reading{backslashes: backslashes})
	return Examined{d.class, d.count, d.goesOn}
}
