package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"gateway"
	"gateway/protocols/postgres"
)

// nasty is what texts are made of that are to be taken apart.
var nasty = []string{
	"'", "''", `\`, `\'`, `"`, `""`, "$$", "$a$", "$a", "a$", "$1", "--", "\n", "\r", "/*", "*/", ";", " ", "E", "e", "U&", "N", "x", "1", "1E", "é", "COMMIT", "END", "(", ")", "||", "+", "*", "/",
}

// random makes texts of SELECTs and ends of transactions, many of which the server takes.
type random struct{ *rand.Rand }

func (r random) of(words ...string) string { return words[r.IntN(len(words))] }

func (r random) stuff(n int) string {
	var b strings.Builder
	for range r.IntN(n) {
		b.WriteString(nasty[r.IntN(len(nasty))])
	}
	return b.String()
}

func (r random) blank() string {
	switch r.IntN(6) {
	case 0:
		return "/*" + r.stuff(4) + "*/"
	case 1:
		return "--" + r.stuff(4) + r.of("\n", "\r")
	case 2:
		return r.of("\n", "\t", "\f", " \r\n ")
	}
	return " "
}

func (r random) value() string {
	switch r.IntN(8) {
	case 0:
		return "'" + strings.ReplaceAll(r.stuff(5), "'", "''") + "'"
	case 1:
		return r.of("E", "e") + "'" + r.stuff(4) + "'"
	case 2:
		tag := r.of("$$", "$a$", "$é$", "$_1$")
		return tag + r.stuff(5) + tag
	case 3:
		return "1 AS \"" + r.stuff(3) + "\""
	case 4:
		return "'" + r.stuff(3) + "'"
	case 5:
		return r.of("B'1'", "X'1f'", "N'a'", "U&'a'", "1", "1.5e3", "$q$'$q$", "CASE WHEN true THEN 1 END", "'a'\n'b'", "'a' --\n '\\'")
	case 6:
		return r.of("-", "+", "@", "~") + r.blank() + "1"
	}
	return r.stuff(4)
}

func (r random) statement() string {
	switch r.IntN(8) {
	case 0:
		return r.blank() + r.of("COMMIT", "end", "Rollback", "ABORT", "COMMIT WORK", "BEGIN")
	case 1:
		return r.blank()
	}
	s := r.blank() + "SELECT" + r.blank() + r.value()
	for range r.IntN(3) {
		s += r.blank() + r.of(",", "||", ",") + r.blank() + r.value()
	}
	return s
}

// testDifferential compares what the gateway finds in texts with what the server
// does. Where they differ, the gateway must doubt, or find an end that isn't there.
func testDifferential(t *testing.T, s *inside) {
	w := s.world(t, gateway.DatabaseAll)
	c := dialRaw(t, w)
	taken := 0
	for i := range 4000 {
		r := random{rand.New(rand.NewPCG(uint64(i), 5))}
		text := r.statement()
		for range r.IntN(4) {
			text += ";" + r.statement()
		}
		backslashes := i/500%2 == 0
		if i%500 == 0 {
			if _, err := c.run(false, query(fmt.Sprintf("SET standard_conforming_strings = %v", !backslashes))); err != nil {
				t.Fatal(err)
			}
		}
		got, err := c.run(false, query(text))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if _, err := c.run(false, query("ROLLBACK")); err != nil {
			t.Fatal(err)
		}
		if len(got.errors) > 0 {
			continue
		}
		taken++
		found := postgres.Examine(text, backslashes)
		goesOn := false
		for _, tag := range got.tags[:max(0, len(got.tags)-1)] {
			goesOn = goesOn || tag == "COMMIT" || tag == "ROLLBACK"
		}
		if found.Class != gateway.DatabaseAll && (found.Count != len(got.tags) || goesOn && !found.GoesOn) {
			t.Errorf("%q, backslashes %v: the gateway finds %+v, the server did %q", text, backslashes, found, got.tags)
		}
	}
	if taken < 400 {
		t.Errorf("the server took %d of the texts, which is too few to mean much", taken)
	}
	t.Logf("the server took %d", taken)
}
