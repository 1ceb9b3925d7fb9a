package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// bench is a set-up of servers and what was measured with it.
type bench struct {
	ctx     context.Context
	bin     string
	verbose bool
	sizes   sizes
	table   table

	dir     string
	user    string
	port    string // of the target
	routes  []route
	servers []*exec.Cmd
}

// route is one way to the target.
type route struct {
	name string
	args []string // of ssh, in front of the command
	root int      // the process whose tree does the work on the way; 0: none
}

// ssh returns the client with a command for the target.
func (b *bench) ssh(r route, options []string, command string) *exec.Cmd {
	args := append([]string{"-F", filepath.Join(b.dir, "config")}, options...)
	cmd := exec.CommandContext(b.ctx, "ssh", append(append(args, r.args...), command)...)
	if b.verbose {
		cmd.Stderr = os.Stderr
	}
	return cmd
}

func (b *bench) routeNames() []string {
	var names []string
	for _, r := range b.routes {
		names = append(names, r.name)
	}
	return names
}

// setUp starts the target and what each route needs.
func (b *bench) setUp(names []string) error {
	me, err := user.Current()
	if err != nil {
		return err
	}
	b.user = me.Username
	if b.dir, err = os.MkdirTemp("", "gateway-bench-"); err != nil {
		return err
	}
	if err := b.keygen("client", "host"); err != nil {
		return err
	}
	client, err := os.ReadFile(b.path("client.pub"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(b.path("authorized_keys"), client, 0o600); err != nil {
		return err
	}
	_, target, err := b.sshd()
	if err != nil {
		return err
	}
	b.port = target
	var config strings.Builder
	fmt.Fprintf(&config, `Host *
	IdentityFile %s
	IdentitiesOnly yes
	IdentityAgent none
	StrictHostKeyChecking accept-new
	UserKnownHostsFile %s
	LogLevel ERROR
	HostName 127.0.0.1
	RequestTTY no
`, b.path("client"), b.path("known_hosts"))
	for _, name := range names {
		var r route
		switch name {
		case "direct":
			r = route{args: []string{"direct"}}
			fmt.Fprintf(&config, "Host direct\n\tPort %s\n\tUser %s\n", target, b.user)
		case "jump":
			jump, port, err := b.sshd()
			if err != nil {
				return err
			}
			r = route{args: []string{"-J", "hop", "jump"}, root: jump}
			fmt.Fprintf(&config, "Host hop\n\tPort %s\n\tUser %s\nHost jump\n\tPort %s\n\tUser %s\n", port, b.user, target, b.user)
		case "gateway":
			pid, port, err := b.gateway(target)
			if err != nil {
				return fmt.Errorf("gateway: %w", err)
			}
			r = route{args: []string{"gateway", "--", "--quiet", b.user + "@127.0.0.1", "-p", target, "--"}, root: pid}
			fmt.Fprintf(&config, "Host gateway\n\tPort %s\n\tUser bench\n", port)
		default:
			return fmt.Errorf("no route is called %s", name)
		}
		r.name = name
		b.routes = append(b.routes, r)
	}
	if err := os.WriteFile(b.path("config"), []byte(config.String()), 0o600); err != nil {
		return err
	}
	return b.tryRoutes()
}

// tryRoutes also fills known_hosts, so that runs at the same time don't.
func (b *bench) tryRoutes() error {
	for _, r := range b.routes {
		cmd := b.ssh(r, nil, "echo works")
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		out, err := cmd.Output()
		if err != nil || string(out) != "works\n" {
			return fmt.Errorf("route %s: %v: %q %s", r.name, err, out, stderr.String())
		}
	}
	return nil
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) keygen(names ...string) error {
	for _, name := range names {
		if err := b.command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", b.path(name)).Run(); err != nil {
			return fmt.Errorf("ssh-keygen: %w", err)
		}
	}
	return nil
}

func (b *bench) command(name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(b.ctx, name, args...)
	cmd.Stderr = os.Stderr
	return cmd
}

// sshd starts a server that lets the client and the gateway in.
func (b *bench) sshd() (pid int, port string, err error) {
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd = "/usr/sbin/sshd"
	}
	if os.Geteuid() == 0 {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil {
			return 0, "", err
		}
	}
	if port, err = freePort(); err != nil {
		return 0, "", err
	}
	self, err := os.Executable()
	if err != nil {
		return 0, "", err
	}
	config := b.path("sshd_config_" + port)
	text := fmt.Sprintf(`ListenAddress 127.0.0.1
Port %s
HostKey %s
AuthorizedKeysFile %s
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
StrictModes no
PidFile none
MaxStartups 200
MaxSessions 200
LogLevel ERROR
Subsystem sftp internal-sftp
Subsystem netconf %s -device
`, port, b.path("host"), b.path("authorized_keys"), self)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return 0, "", err
	}
	pid, err = b.serve(port, sshd, "-D", "-e", "-f", config)
	return pid, port, err
}

// gateway makes a data folder, serves it and lets its account reach the target.
func (b *bench) gateway(target string) (pid int, port string, err error) {
	bin, err := filepath.Abs(b.bin)
	if err != nil {
		return 0, "", err
	}
	data := b.path("data")
	if err := b.command(bin, "init", "--data", data, "--name", "bench", "--admin", "bench",
		"--admin-key", b.path("client.pub")).Run(); err != nil {
		return 0, "", fmt.Errorf("init: %w", err)
	}
	if port, err = freePort(); err != nil {
		return 0, "", err
	}
	if pid, err = b.serve(port, bin, "serve", "--data", data, "--listen", "127.0.0.1:"+port); err != nil {
		return 0, "", err
	}
	osh := func(args ...string) ([]byte, error) {
		return b.command(bin, append([]string{"osh", "--data", data, "--as", "bench", "--"}, args...)...).Output()
	}
	out, err := osh("selfListEgressKeys", "--json-greppable")
	if err != nil {
		return 0, "", fmt.Errorf("selfListEgressKeys: %w", err)
	}
	keys := regexp.MustCompile(`(ssh|ecdsa)-[a-z0-9-]+ AAAA[A-Za-z0-9+/=]+`).FindAllString(string(out), -1)
	if len(keys) == 0 {
		return 0, "", fmt.Errorf("no egress key in %q", out)
	}
	f, err := os.OpenFile(b.path("authorized_keys"), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		return 0, "", err
	}
	defer f.Close()
	if _, err := io.WriteString(f, strings.Join(keys, "\n")+"\n"); err != nil {
		return 0, "", err
	}
	_, err = osh("selfAddPersonalAccess", "--host", "127.0.0.1", "--port", target, "--user", b.user, "--force")
	return pid, port, err
}

// serve starts a server and waits until it listens.
func (b *bench) serve(port string, name string, args ...string) (int, error) {
	cmd := exec.Command(name, args...)
	log, err := os.Create(b.path("log_" + port))
	if err != nil {
		return 0, err
	}
	defer log.Close()
	cmd.Stdout, cmd.Stderr = log, log
	if b.verbose {
		cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	b.servers = append(b.servers, cmd)
	for range 200 {
		nc, err := net.Dial("tcp", "127.0.0.1:"+port)
		if err == nil {
			return cmd.Process.Pid, nc.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	text, _ := os.ReadFile(b.path("log_" + port))
	return 0, fmt.Errorf("%s does not listen: %s", name, text)
}

func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, err
}

// close ends the servers and removes the folder.
func (b *bench) close() {
	for _, s := range slices.Backward(b.servers) {
		if err := s.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
			fmt.Fprintln(os.Stderr, "bench:", err)
		}
		killer := time.AfterFunc(10*time.Second, func() { _ = s.Process.Kill() })
		_ = s.Wait() // the status after a signal says nothing
		killer.Stop()
	}
	if b.dir != "" {
		os.RemoveAll(b.dir)
	}
}
