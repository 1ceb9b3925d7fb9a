package interop

import (
	"strconv"
	"strings"
	"testing"

	"gateway/interop-tests/pgserver"
)

// TestDatabaseCredentials logs in with each kind of credential that a database
// can have, as it was given to the gateway, and in each mode of TLS.
func TestDatabaseCredentials(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	add := func(name, login, host string, options ...string) {
		d.osh("", append([]string{"dbAdd", "--group", "data", "--name", name, "--host", host, "--port", strconv.Itoa(d.server.Port),
			"--database", pgserver.Database, "--user", login}, options...)...)
	}
	give := func(name, option, input string) {
		d.osh(input, "dbModify", "--group", "data", "--name", name, option)
	}
	d.add("md5", pgserver.MD5)
	d.add("clear", pgserver.Clear, "--clear-password")
	d.add("proven", pgserver.Clear)
	add("cert", pgserver.Cert, pgserver.Host)
	give("cert", "--ca-stdin", d.server.CA)
	give("cert", "--client-cert-stdin", d.server.ClientKey+d.server.ClientCert)
	add("plain", pgserver.Plain, "127.0.0.1", "--tls", "disable")
	give("plain", "--password-stdin", d.server.Password)
	add("require", pgserver.Login, "127.0.0.1", "--tls", "require")
	give("require", "--password-stdin", d.server.Password+"\r\n")
	add("untrusted", pgserver.Login, "127.0.0.1") // its CA is none that the node trusts
	give("untrusted", "--password-stdin", d.server.Password)
	add("nothing", pgserver.Login, "127.0.0.1", "--tls", "require")
	for name, login := range map[string]string{
		"sales": pgserver.Login, "md5": pgserver.MD5, "clear": pgserver.Clear, "cert": pgserver.Cert, "plain": pgserver.Plain,
		"require": pgserver.Login, "untrusted": "", "nothing": "", "proven": "",
	} {
		out, err := d.tool(d.forward(name, 5432), "psql", "", "-d", name, "-Atc", "select current_user")
		if want := login + "\n"; login != "" && (err != nil || out != want) {
			t.Errorf("%s: psql gives %q, %v, want %q", name, out, err, want)
		}
		if login == "" && err == nil {
			t.Errorf("%s: psql gives %q, want a refusal", name, out)
		}
		if err != nil && strings.Contains(err.Error(), d.server.Password) {
			t.Errorf("%s: the error has the password: %v", name, err)
		}
	}
}
