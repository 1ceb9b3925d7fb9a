package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"gateway/interop-tests/pgserver"
)

// databases is a PostgreSQL, and the ports at which the routes lead to it.
type databases struct {
	*pgserver.Server
	ports    map[string]int // of each route, and of the relay alone, to a server that wants TLS
	plain    map[string]int // and to one that has none
	forwards []*forward
}

// forward is a client that forwards a port.
type forward struct {
	cmd  *exec.Cmd
	port int
}

func (f *forward) end() {
	_ = f.cmd.Process.Kill()
	_ = f.cmd.Wait() // it was killed
}

const (
	withTLS    = "sales"  // names that the gateway offers
	withoutTLS = "sales0" // the same database by
)

// postgres measures PostgreSQL's own clients: with its server directly, over a
// port that a plain sshd forwards, and over one that the gateway does. Direct
// and through sshd they speak TLS with the server, as the gateway does.
func (b *bench) postgres() error {
	d, err := b.database()
	if errors.Is(err, pgserver.ErrNotInstalled) {
		fmt.Fprintln(os.Stderr, "postgres: skipped:", err)
		return nil
	}
	if err != nil {
		return err
	}
	defer d.close()
	for _, measure := range []func(*databases) error{b.transactions, b.copies, b.prompt, b.idleForwards} {
		if err := measure(d); err != nil {
			return err
		}
	}
	return nil
}

// database starts a server, has the gateway offer it, and forwards ports to it.
func (b *bench) database() (*databases, error) {
	s, err := pgserver.New("shared_buffers = 512MB", "max_wal_size = 4GB")
	if err != nil {
		return nil, err
	}
	d := &databases{Server: s, ports: map[string]int{}, plain: map[string]int{}}
	if err := b.lead(d); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

// lead makes every route lead to the server.
func (b *bench) lead(d *databases) error {
	if err := os.WriteFile(b.path("ca.pem"), []byte(d.CA), 0o600); err != nil {
		return err
	}
	for _, r := range b.routes {
		way, encrypted, plain := "hop", "127.0.0.1:"+strconv.Itoa(d.Port), "127.0.0.1:"+strconv.Itoa(d.Port)
		switch r.name {
		case "direct":
			d.ports[r.name], d.plain[r.name] = d.Port, d.Port
			continue
		case "gateway":
			if err := b.offer(d); err != nil {
				return err
			}
			way, encrypted, plain = "gateway", withTLS+":5432", withoutTLS+":5432"
		}
		for _, to := range []struct {
			addr  string
			ports map[string]int
		}{{encrypted, d.ports}, {plain, d.plain}} {
			f, err := b.forward(way, to.addr)
			if err != nil {
				return fmt.Errorf("route %s: %w", r.name, err)
			}
			d.forwards = append(d.forwards, f)
			to.ports[r.name] = f.port
		}
	}
	f, err := b.relayAlone(d)
	if err != nil {
		return err
	}
	d.forwards = append(d.forwards, f)
	d.ports["relay"] = f.port
	return nil
}

func (d *databases) close() {
	for _, f := range d.forwards {
		f.end()
	}
	d.Close()
}

// offer adds the database to the gateway, by both names.
func (b *bench) offer(d *databases) error {
	osh := func(stdin string, args ...string) error {
		cmd := b.command(b.bin, append([]string{"osh", "--data", b.path("data"), "--as", "bench", "--"}, args...)...)
		cmd.Stdin = strings.NewReader(stdin)
		if out, err := cmd.Output(); err != nil {
			return fmt.Errorf("%v: %w: %s", args, err, out)
		}
		return nil
	}
	if err := osh("", "groupCreate", "--group", "data", "--owner", "bench", "--algo", "ed25519"); err != nil {
		return err
	}
	for name, login := range map[string]string{withTLS: pgserver.Login, withoutTLS: pgserver.Plain} {
		add := []string{"dbAdd", "--group", "data", "--name", name, "--host", "127.0.0.1", "--port", strconv.Itoa(d.Port),
			"--database", pgserver.Database, "--user", login}
		input := ""
		if name == withTLS {
			add, input = append(add, "--ca-stdin"), d.CA
		} else {
			add = append(add, "--tls", "disable")
		}
		if err := osh(input, add...); err != nil {
			return err
		}
		if err := osh(d.Password+"\n", "dbModify", "--group", "data", "--name", name, "--password-stdin"); err != nil {
			return err
		}
	}
	return nil
}

// forward starts a client that forwards a port of ours, and waits until it does.
func (b *bench) forward(way, to string) (*forward, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	f := &forward{cmd: b.command("ssh", "-F", b.path("config"), "-N", "-c", "aes128-gcm@openssh.com",
		"-o", "ExitOnForwardFailure=yes", "-L", "127.0.0.1:"+port+":"+to, way)}
	if err := f.cmd.Start(); err != nil {
		return nil, err
	}
	if f.port, err = strconv.Atoi(port); err != nil {
		return nil, err
	}
	// Listening is not enough: what is asked for must be there.
	for range 100 {
		time.Sleep(50 * time.Millisecond)
		if err = b.command("pg_isready", "-q", "-h", "127.0.0.1", "-p", port).Run(); err == nil {
			return f, nil
		}
	}
	f.end()
	return nil, fmt.Errorf("ssh -L …:%s %s: nothing answers: %w", to, way, err)
}

// client is a program of PostgreSQL's that connects by a route.
func (b *bench) client(d *databases, route string, encrypted bool, name string, args ...string) *exec.Cmd {
	port, login, mode := d.ports[route], pgserver.Login, "verify-full"
	if !encrypted {
		port, login, mode = d.plain[route], pgserver.Plain, "disable"
	}
	if route == "gateway" || route == "relay" {
		mode = "disable" // as far as the gateway: SSH encrypts
	}
	path, err := pgserver.Program(name)
	if err != nil {
		path = name // it says itself that there is none
	}
	cmd := b.command(path, args...)
	cmd.Env = []string{"PGHOST=127.0.0.1", "PGPORT=" + strconv.Itoa(port), "PGUSER=" + login, "PGPASSWORD=" + d.Password,
		"PGDATABASE=" + pgserver.Database, "PGSSLMODE=" + mode, "PGSSLROOTCERT=" + b.path("ca.pem"), "PGGSSENCMODE=disable",
		"LC_ALL=C.UTF-8", "TERM=xterm", "PSQLRC=/dev/null", "HOME=" + b.dir}
	return cmd
}
