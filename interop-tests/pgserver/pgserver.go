// Package pgserver starts a real PostgreSQL that is thrown away, for tests and
// benchmarks: initdb in a folder of its own, a certificate authority of its
// own, a random port on loopback, and pg_hba.conf with one login for each way
// in which servers ask who somebody is.
package pgserver

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// ErrNotInstalled says that there is no PostgreSQL server here.
var ErrNotInstalled = errors.New("PostgreSQL is not installed: postgresql of interop-tests/packages.txt")

// What every server has. Each login may do as it likes in schema public of Database.
const (
	Host     = "localhost" // in the server's certificate, beside 127.0.0.1
	Database = "app"

	Login     = "app"   // owns Database; SCRAM-SHA-256, over TLS only
	MD5       = "md5"   // MD5, over TLS only
	Clear     = "clear" // a password in the clear, over TLS only
	Cert      = "cert"  // a client certificate
	Plain     = "plain" // SCRAM-SHA-256, without TLS only
	Super     = "super" // a superuser; SCRAM-SHA-256, over TLS only
	Superuser = "postgres"
	// Others is a role; who is in it logs in as Login does.
	Others = "others"
)

const access = `
local    all all       trust
hostssl  all cert      127.0.0.1/32 cert
hostssl  all md5       127.0.0.1/32 md5
hostssl  all clear     127.0.0.1/32 password
hostnossl all plain    127.0.0.1/32 scram-sha-256
hostssl  all app,super,+others 127.0.0.1/32 scram-sha-256
`

const settings = `
listen_addresses = '127.0.0.1'
ssl = on
ssl_ca_file = 'ca.pem'
ssl_cert_file = 'server.pem'
ssl_key_file = 'server.key'
password_encryption = 'scram-sha-256'
fsync = off
synchronous_commit = off
full_page_writes = off
max_connections = 300
max_prepared_transactions = 10
shared_buffers = 64MB
lc_messages = 'C'
`

const logins = `
CREATE ROLE others;
CREATE ROLE app LOGIN PASSWORD '%[1]s';
CREATE ROLE clear LOGIN PASSWORD '%[1]s';
CREATE ROLE plain LOGIN PASSWORD '%[1]s';
CREATE ROLE super LOGIN SUPERUSER PASSWORD '%[1]s';
CREATE ROLE cert LOGIN;
SET password_encryption = 'md5';
CREATE ROLE md5 LOGIN PASSWORD '%[1]s';
CREATE DATABASE app OWNER app;
\connect app
GRANT ALL ON SCHEMA public TO PUBLIC;
`

// Server is a PostgreSQL that runs.
type Server struct {
	Dir      string // its unix socket is here, where everybody may log in as anybody
	Port     int
	Password string // of every login that has one
	CA       string // PEM certificate that signed the server's
	// PEM certificate and key of the login Cert.
	ClientCert, ClientKey string

	owner *syscall.Credential // nil: as we are
	cmd   *exec.Cmd
	log   log
	done  chan struct{}
}

// Program gives the path of one of PostgreSQL's programs, of the newest version
// there is: those on the PATH are often wrappers.
func Program(name string) (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("%s: %w", name, ErrNotInstalled)
	}
	version := func(path string) int {
		n, _ := strconv.Atoi(strings.Split(path, "/")[4])
		return n
	}
	return slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }), nil
}

// Start starts a server for as long as tb runs, with more lines of
// postgresql.conf. Without PostgreSQL tb is skipped, or fails when CI is set.
func Start(tb testing.TB, conf ...string) *Server {
	tb.Helper()
	s, err := New(conf...)
	if errors.Is(err, ErrNotInstalled) && os.Getenv("CI") == "" {
		tb.Skip(err)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if tb.Failed() {
			tb.Logf("PostgreSQL's log:\n%s", s.Log())
		}
		s.Close()
	})
	return s
}

// New starts a server, which its caller closes.
func New(conf ...string) (*Server, error) {
	if _, err := Program("postgres"); err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "pgserver.")
	if err != nil {
		return nil, err
	}
	s := &Server{Dir: dir, Password: "geheim-" + randomHex()}
	if err := s.prepare(conf); err != nil {
		s.Close()
		return nil, err
	}
	if err := s.Run(); err != nil {
		s.Close()
		return nil, err
	}
	script := fmt.Sprintf(logins, s.Password)
	if out, err := s.psql(Superuser, script); err != nil {
		s.Close()
		return nil, fmt.Errorf("make logins: %w: %s", err, out)
	}
	return s, nil
}

func (s *Server) data() string { return filepath.Join(s.Dir, "data") }

// prepare makes the data folder. PostgreSQL refuses to run as root.
func (s *Server) prepare(conf []string) error {
	if os.Geteuid() == 0 {
		u, err := user.Lookup(Superuser)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrNotInstalled, err)
		}
		uid, err := strconv.Atoi(u.Uid)
		if err != nil {
			return err
		}
		gid, err := strconv.Atoi(u.Gid)
		if err != nil {
			return err
		}
		s.owner = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(s.Dir, uid, gid); err != nil {
			return err
		}
	}
	cmd, err := s.command("initdb", "-D", s.data(), "-U", Superuser, "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8")
	if err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	files, err := certificates()
	if err != nil {
		return err
	}
	s.CA, s.ClientCert, s.ClientKey = files["ca.pem"], files["client.pem"], files["client.key"]
	files["pg_hba.conf"] = access
	files["postgresql.conf"] = fmt.Sprintf("%s\nunix_socket_directories = '%s'\n%s\n", settings, s.Dir, strings.Join(conf, "\n"))
	for name, text := range files {
		path := filepath.Join(s.data(), name)
		err := os.WriteFile(path, []byte(text), 0o600)
		if s.owner != nil && err == nil {
			err = os.Chown(path, int(s.owner.Uid), int(s.owner.Gid))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Server) command(name string, args ...string) (*exec.Cmd, error) {
	path, err := Program(name)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = s.Dir
	cmd.Env = []string{"LC_ALL=C.UTF-8", "PATH=/usr/bin:/bin", "HOME=" + s.Dir}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.owner}
	return cmd, nil
}

// Run starts the server again after a Stop, at the same port.
func (s *Server) Run() error {
	var err error
	for range 5 { // somebody else may take the port between its choice and its use
		if err = s.run(); err == nil {
			return nil
		}
	}
	return err
}

func (s *Server) run() error {
	port := s.Port
	if port == 0 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return err
		}
		port = l.Addr().(*net.TCPAddr).Port
		l.Close()
	}
	cmd, err := s.command("postgres", "-D", s.data(), "-p", strconv.Itoa(port))
	if err != nil {
		return err
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGQUIT // an immediate shutdown
	ready := s.log.expect()
	cmd.Stderr = &s.log
	if err := cmd.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	go func(done chan struct{}) {
		cmd.Wait()
		close(done)
	}(s.done)
	select {
	case <-ready:
	case <-s.done:
		return fmt.Errorf("PostgreSQL does not start:\n%s", s.Log())
	}
	s.cmd = cmd
	if s.Port == 0 {
		s.Port = port
	}
	return nil
}

// Stop ends the server at once: connections break.
func (s *Server) Stop() { s.End(syscall.SIGQUIT) }

// End ends the server in one of the ways of its manual, section 19.5.
func (s *Server) End(how os.Signal) {
	if s.cmd == nil {
		return
	}
	s.cmd.Process.Signal(how)
	<-s.done
	s.cmd = nil
}

// Close stops the server and removes its files.
func (s *Server) Close() {
	s.Stop()
	os.RemoveAll(s.Dir)
}

// Addr is where the server listens.
func (s *Server) Addr() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port)) }

// Log is what the server wrote.
func (s *Server) Log() string { return s.log.String() }

// SQL runs a script of psql in Database, as the superuser and past the gateway,
// and gives its output: a line for each row, '|' between columns.
func (s *Server) SQL(tb testing.TB, script string) string {
	tb.Helper()
	out, err := s.psql(Database, script)
	if err != nil {
		tb.Fatalf("psql: %v: %s", err, out)
	}
	return strings.TrimSuffix(out, "\n")
}

func (s *Server) psql(database, script string) (string, error) {
	cmd, err := s.command("psql", "-XAtq", "-v", "ON_ERROR_STOP=1", "-h", s.Dir, "-p", strconv.Itoa(s.Port), "-U", Superuser, database)
	if err != nil {
		return "", err
	}
	cmd.Stdin = strings.NewReader(script)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		return said.String(), err
	}
	return out.String(), nil
}

func randomHex() string {
	b := make([]byte, 12)
	rand.Read(b)
	return hex.EncodeToString(b)
}
