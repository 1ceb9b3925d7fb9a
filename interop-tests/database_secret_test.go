package interop

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/md5"
	"crypto/pbkdf2"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gateway/interop-tests/pgserver"
)

// TestDatabaseSecretNowhere looks for what logs in to databases wherever the
// gateway's other processes, its files and its answers could have it, while
// sessions are open and after.
func TestDatabaseSecretNowhere(t *testing.T) {
	t.Parallel()
	needs(t, "root") // to read the memory of others
	d := newDatabases(t)
	logins := []string{pgserver.Login, pgserver.MD5, pgserver.Clear, pgserver.Plain, pgserver.Cert}
	for _, login := range logins[1:] {
		words := []string{"dbAdd", "--group", "data", "--name", login, "--host", "127.0.0.1", "--port", strconv.Itoa(d.server.Port), "--database", pgserver.Database, "--user", login}
		if login == pgserver.Clear {
			words = append(words, "--clear-password")
		}
		if login == pgserver.Plain {
			d.osh("", append(words, "--tls", "disable")...)
		} else {
			d.osh(d.server.CA, append(words, "--ca-stdin")...)
		}
		if login == pgserver.Cert {
			d.osh(d.server.ClientCert+d.server.ClientKey, "dbModify", "--group", "data", "--name", login, "--client-cert-stdin")
		} else {
			d.osh(d.server.Password+"\n", "dbModify", "--group", "data", "--name", login, "--password-stdin")
		}
	}
	secrets := d.secrets()

	// Each way in is open, and has said something that must be found: the canary.
	for _, login := range logins {
		name := login
		if login == pgserver.Login {
			name = "sales"
		}
		canary := "canary-" + login + "-" + d.server.Password[len("geheim-"):][:8]
		c, err := connect(t, d.forward(name, 5432))
		if err != nil {
			t.Errorf("%s: %v", login, err)
			continue
		}
		d.check(ask(c, "select '"+canary+"-forwarded'"))
		psql := d.ssh(nil, "--osh", "db", "--name", name, "--", "-AtX")
		in := d.start(psql)
		fmt.Fprintf(in, "\\set here %s-psql\nselect :'here';\n", canary)
		d.await(&psql.out, canary+"-psql\n")
	}
	found := d.scan(t, secrets)
	for _, login := range logins {
		if !slices.ContainsFunc(found["gateway-session"], func(m []byte) bool { return bytes.Contains(m, []byte("canary-"+login)) }) ||
			!slices.ContainsFunc(found["psql"], func(m []byte) bool { return bytes.Contains(m, []byte("canary-"+login)) }) {
			t.Errorf("%s: the memory was not read: its canary is in no session process, or no psql", login)
		}
	}
	if n := len(found["gateway-session"]); n < 10 {
		t.Errorf("%d session processes, want 10", n)
	}

	// What people are told.
	var said strings.Builder
	for _, words := range [][]string{
		{"dbList"}, {"dbList", "--json"}, {"dbInfo", "--name", "sales"}, {"dbInfo", "--name", "sales", "--json"}, {"dbInfo", "--name", pgserver.Cert, "--json"},
		{"db", "--name", "sales", "--explain-connection"}, {"db", "--name", "sales", "--explain-connection", "--json"}, {"groupInfo", "--group", "data", "--json"},
	} {
		said.WriteString(d.osh("", words...))
	}
	d.osh("wrong-"+d.server.Password+"\n", "dbModify", "--group", "data", "--name", "sales", "--password-stdin")
	if _, err := connect(t, d.forward("sales", 5432)); err == nil {
		t.Error("connected with a wrong password")
	} else {
		said.WriteString(err.Error())
	}
	c := d.ssh(nil, "--osh", "db", "--name", "sales", "--", "-c", "select 1")
	if err := c.Run(); err == nil {
		t.Error("psql connected with a wrong password")
	}
	said.WriteString(c.out.String() + c.err.String())
	said.WriteString(d.g.text())
	audit, err := d.g.audit()
	d.check(err)
	said.WriteString(audit)
	if !strings.Contains(audit, `"database"`) {
		t.Error("the audit log says nothing of databases")
	}
	list, err := d.g.run("recording", "list", "--limit", "0")
	d.check(err)
	for line := range strings.Lines(list) {
		id := strings.Fields(line)[0]
		for _, format := range []string{"jsonl", "text"} {
			if out, err := d.g.run("recording", "export", "--format", format, id); err == nil {
				said.WriteString(out)
			}
		}
	}
	if !strings.Contains(said.String(), "canary-"+pgserver.MD5) {
		t.Error("the recordings do not say what was recorded")
	}
	secrets.in(t, "what is said and recorded", []byte(said.String()))
	d.check(filepath.WalkDir(d.g.data, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		secrets.in(t, path, b)
		return err
	}))
}

// secrets are the forms in which a secret could be somewhere.
type secrets map[string][]byte

// in looks for them.
func (s secrets) in(t *testing.T, where string, b []byte) (found bool) {
	for what, form := range s {
		if at := bytes.Index(b, form); at >= 0 {
			t.Errorf("%s is in %s: %q", what, where, b[max(0, at-60):min(len(b), at+len(form)+20)])
			found = true
		}
	}
	return found
}

// secrets are those of the logins of the server.
func (d *databases) secrets() secrets {
	d.t.Helper()
	password := []byte(d.server.Password)
	s := secrets{
		"the password":           password,
		"the password in base64": []byte(base64.StdEncoding.EncodeToString(password)),
		"the password in hex":    []byte(hex.EncodeToString(password)),
	}
	sum := md5.Sum([]byte(d.server.Password + pgserver.MD5))
	s["the MD5 hash"] = []byte(hex.EncodeToString(sum[:])) // it logs in as well as the password
	for _, login := range []string{pgserver.Login, pgserver.Plain, pgserver.Clear} {
		verifier := d.server.SQL(d.t, "select rolpassword from pg_authid where rolname = '"+login+"'")
		rounds, salt, _ := strings.Cut(strings.Split(verifier, "$")[1], ":")
		raw, err := base64.StdEncoding.DecodeString(salt)
		d.check(err)
		n, err := strconv.Atoi(rounds)
		d.check(err)
		salted, err := pbkdf2.Key(sha256.New, d.server.Password, raw, n, sha256.Size)
		d.check(err)
		mac := hmac.New(sha256.New, salted)
		mac.Write([]byte("Client Key"))
		for what, key := range map[string][]byte{"the salted password": salted, "the SCRAM client key": mac.Sum(nil)} {
			s[what+" of "+login] = key
			s[what+" of "+login+" in base64"] = []byte(base64.StdEncoding.EncodeToString(key))
		}
	}
	pair, err := tls.X509KeyPair([]byte(d.server.ClientCert), []byte(d.server.ClientKey))
	d.check(err)
	if key, ok := pair.PrivateKey.(*ecdsa.PrivateKey); ok {
		number, err := key.Bytes()
		d.check(err)
		s["the key of the certificate"] = slices.Clone(number)
		slices.Reverse(number)
		s["the key of the certificate, as words of the processor"] = number
	}
	s["the key of the certificate in PEM"] = []byte(strings.Split(d.server.ClientKey, "\n")[1])
	return s
}

// scan looks for secrets in the memory, the environment and the command line of
// all processes of the gateway but itself, and gives their memories by name.
func (d *databases) scan(t *testing.T, s secrets) map[string][][]byte {
	t.Helper()
	memories := map[string][][]byte{}
	for _, pid := range descendants(d.g.cmd.Process.Pid) {
		name, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil || len(name) == 0 {
			continue // it has ended
		}
		what, _, _ := strings.Cut(filepath.Base(strings.ReplaceAll(string(name), "\x00", " ")), " ")
		where := fmt.Sprintf("process %d, %s", pid, what)
		m, err := memory(pid)
		if err != nil {
			t.Errorf("%s: %v", where, err)
		}
		s.in(t, "the memory of "+where, m)
		memories[what] = append(memories[what], m)
		for _, file := range []string{"environ", "cmdline"} {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
			if err != nil {
				t.Errorf("%s: %v", where, err)
			}
			s.in(t, file+" of "+where, b)
		}
	}
	return memories
}

// descendants are the processes below one.
func descendants(of int) (all []int) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", of))
	if err != nil {
		return nil
	}
	for _, file := range tasks {
		text, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		for _, word := range strings.Fields(string(text)) {
			if pid, err := strconv.Atoi(word); err == nil {
				all = append(append(all, pid), descendants(pid)...)
			}
		}
	}
	return all
}
