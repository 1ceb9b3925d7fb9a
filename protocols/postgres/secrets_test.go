package postgres

import (
	"strings"
	"testing"
)

func TestMaskSecrets(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"SELECT 1", "SELECT 1"},
		{"SELECT password FROM users WHERE name = 'x'", "SELECT password FROM users WHERE name = 'x'"},
		{"ALTER ROLE x PASSWORD 's3cret'", "ALTER ROLE x PASSWORD '***'"},
		{"alter user x with encrypted password /* hm */ E's3\\'cret' valid until 'tomorrow'", "alter user x with encrypted password /* hm */ E'***' valid until 'tomorrow'"},
		{"CREATE ROLE x PASSWORD 's3''cret' LOGIN; SELECT 's'", "CREATE ROLE x PASSWORD '***' LOGIN; SELECT 's'"},
		{"CREATE ROLE x PASSWORD $a$s3cret$a$", "CREATE ROLE x PASSWORD $a$***$a$"},
		{"CREATE ROLE x PASSWORD NULL", "CREATE ROLE x PASSWORD NULL"},
		{"CREATE USER MAPPING FOR x SERVER y OPTIONS (user 'u', password 's3cret')", "CREATE USER MAPPING FOR x SERVER y OPTIONS (user 'u', password '***')"},
		{"ALTER USER MAPPING FOR x SERVER y OPTIONS (SET \"password\" 's3cret')", "ALTER USER MAPPING FOR x SERVER y OPTIONS (SET \"password\" '***')"},
		{"CREATE SUBSCRIPTION s CONNECTION 'host=h password=s3cret user=u' PUBLICATION p", "CREATE SUBSCRIPTION s CONNECTION 'host=h password=*** user=u' PUBLICATION p"},
		{"SELECT dblink('host=h password = ''s3 cret'' user=u', 'select 1')", "SELECT dblink('host=h password = ''***'' user=u', 'select 1')"},
		{"SELECT dblink('postgresql://u:s3:cr@et@h:5432/d?sslpassword=s3cret&x=y', 'select 1')", "SELECT dblink('postgresql://u:***@h:5432/d?sslpassword=***&x=y', 'select 1')"},
		{"DO $$BEGIN EXECUTE 'ALTER ROLE x PASSWORD ''s3cret'''; END$$", "DO $$BEGIN EXECUTE 'ALTER ROLE x PASSWORD ''***'''; END$$"},
		{"DO $$BEGIN EXECUTE 'ALTER ROLE x PASSWORD ''s3''''cret'' LOGIN'; END$$", "DO $$BEGIN EXECUTE 'ALTER ROLE x PASSWORD ''***'' LOGIN'; END$$"},
		{"SELECT 'https://example.com/a:b@c'", "SELECT 'https://example.com/a:b@c'"},
		{"ALTER ROLE x PASSWORD 's3cret", "ALTER ROLE x PASSWORD '***"},
		{"CREATE ROLE x PASSWORD 's3'\n'cret'", "CREATE ROLE x PASSWORD '***'\n'***'"},
		{"ALTER SYSTEM SET primary_conninfo = 'host=h password=''it s'' user=u'", "ALTER SYSTEM SET primary_conninfo = 'host=h password=''***'' user=u'"},
		{`DO $$BEGIN EXECUTE E'ALTER ROLE x PASSWORD \'s3cret\''; END$$`, `DO $$BEGIN EXECUTE E'ALTER ROLE x PASSWORD ''***'''; END$$`},
		{"", ""},
	} {
		if got := maskSecrets(tt.text); got != tt.want {
			t.Errorf("maskSecrets(%q) = %q, want %q", tt.text, got, tt.want)
		}
	}
}

// What is executed stays on record, however it looks like a password.
func TestMaskHidesNoStatement(t *testing.T) {
	for _, text := range []string{
		// As a server reads it whose strings have backslashes.
		`SELECT '\', password '; DELETE FROM kept; --'`, `CREATE ROLE x; SELECT '\', password '; DELETE FROM kept; --'`,
		`ALTER ROLE x VALID UNTIL '\' PASSWORD '; DELETE FROM kept; --'`,
		// Or in an encoding with a backslash within characters.
		"ALTER ROLE x VALID UNTIL E'\x83\\' PASSWORD '; DELETE FROM kept; --'",
		"ALTER ROLE x VALID UNTIL E'\x83\\\\' PASSWORD '; DELETE FROM kept; --'",
		// Code of a function that has something of that name.
		"DO $$DECLARE password int; BEGIN password=evil(); END$$", "DO $$DECLARE password int;BEGIN password=1;DELETE/**/FROM/**/kept;END$$",
		`DO $$DECLARE password text; x text; BEGIN password='\'; DELETE FROM kept; x := 'a'; END$$`,
		"SELECT runs('SELECT password=evil()')", "SELECT runs('UPDATE users SET password=''x'', level=9')",
		// A type of that name.
		"SELECT runs(password 'DELETE FROM kept')", "DO $$BEGIN EXECUTE password 'DELETE FROM kept'; END$$",
		"SELECT 1 AS create, role FROM x; SELECT runs(password 'DELETE FROM kept')",
		"SELECT 'a://b:'; DELETE FROM kept; SELECT '@'", "SELECT runs('postgres://x:'); DELETE FROM kept; SELECT '@'",
	} {
		if got := maskSecrets(text); got != text {
			t.Errorf("%s is recorded as %s", text, got)
		}
	}
}

func FuzzMaskSecrets(f *testing.F) {
	for _, s := range []string{"PASSWORD 'x'", "'password=x y'", "'a://b:c@d'", "$$password ''x''$$", "password E'x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got := string(mask([]byte(text)))
		if index(text, "password") < 0 && !strings.Contains(text, "://") && got != text {
			t.Errorf("mask(%q) = %q", text, got)
		}
	})
}
