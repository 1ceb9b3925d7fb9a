package interop

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// patience is how long a condition may take to come true. Nothing takes that
// long on a machine that is not overloaded.
const patience = 30 * time.Second

// gatewayProcess is a running gateway and its data folder.
type gatewayProcess struct {
	data string
	addr string // where it listens
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended

	mu  sync.Mutex // guards log
	log bytes.Buffer
}

// newGateway copies the data folder to dir/data, changes settings (key=value)
// and starts a gateway on it.
func newGateway(dir string, settings ...string) (*gatewayProcess, error) {
	g := &gatewayProcess{data: filepath.Join(dir, "data")}
	if err := command("cp", "-a", shared.data, g.data); err != nil {
		return nil, err
	}
	for _, s := range settings {
		if err := g.set(s); err != nil {
			return nil, err
		}
	}
	return g, g.start()
}

// set changes one setting, key=value.
func (g *gatewayProcess) set(setting string) error {
	key, value, _ := strings.Cut(setting, "=")
	return command(shared.gateway(), "config", "set", "--data", g.data, key, value)
}

// start starts it, at the address that it had before if it had one, and waits
// until it listens.
func (g *gatewayProcess) start() error {
	listen := g.addr
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	g.cmd = exec.Command(shared.gateway(), "serve", "--data", g.data, "--listen", listen)
	g.cmd.Stderr = g
	// A gateway that outlives its test would outlive the tests.
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := g.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := g.cmd.Start(); err != nil {
		return err
	}
	r := bufio.NewReader(out)
	line, err := r.ReadString('\n')
	addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
	if !ok {
		g.cmd.Process.Kill()
		g.cmd.Wait()
		return fmt.Errorf("gateway did not start: %q, %w\n%s", line, err, g.text())
	}
	g.addr = addr
	done := make(chan struct{})
	g.done = done
	go func() {
		io.Copy(io.Discard, r)
		g.cmd.Wait()
		close(done)
	}()
	return nil
}

// Write collects the operator's log.
func (g *gatewayProcess) Write(b []byte) (int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.Write(b)
}

func (g *gatewayProcess) text() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.log.String()
}

// stop ends it as an operator would and returns its exit status.
func (g *gatewayProcess) stop() (int, error) { return g.end(syscall.SIGTERM) }

func (g *gatewayProcess) end(s syscall.Signal) (int, error) {
	g.cmd.Process.Signal(s) // it may have ended by itself
	select {
	case <-g.done:
		return g.cmd.ProcessState.ExitCode(), nil
	case <-time.After(patience):
		g.cmd.Process.Kill()
		<-g.done
		return -1, errors.New("the gateway did not end at " + s.String())
	}
}

func (g *gatewayProcess) port() string {
	_, port, _ := net.SplitHostPort(g.addr)
	return port
}

// child is a process that the gateway started.
type child struct {
	pid int
	cmd string
}

// children lists the processes of the gateway.
func (g *gatewayProcess) children() ([]child, error) {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil, err
	}
	var all []child
	for _, name := range names {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// After the name in parentheses: state, then the parent.
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(g.cmd.Process.Pid) || fields[0] == "Z" {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		if err != nil {
			return nil, err
		}
		line, err := os.ReadFile(filepath.Dir(name) + "/cmdline")
		if err == nil && len(line) > 0 {
			all = append(all, child{pid, strings.ReplaceAll(string(line), "\x00", " ")})
		}
	}
	return all, nil
}

// recorder finds the process that writes recordings.
func (g *gatewayProcess) recorder() (int, error) { return g.one(" recorder ") }

// session finds the one session process, when there is one.
func (g *gatewayProcess) session() (int, error) { return g.one("gateway-session") }

func (g *gatewayProcess) one(part string) (int, error) {
	all, err := g.children()
	found := 0
	for _, c := range all {
		if strings.Contains(c.cmd, part) {
			if found != 0 {
				return 0, fmt.Errorf("several processes %q: %v", part, all)
			}
			found = c.pid
		}
	}
	if found == 0 {
		return 0, fmt.Errorf("no process %q among %v: %w", part, all, errors.Join(err, os.ErrNotExist))
	}
	return found, nil
}

// audit returns the audit log.
func (g *gatewayProcess) audit() (string, error) {
	b, err := os.ReadFile(filepath.Join(g.data, "audit.jsonl"))
	return string(b), err
}

// awaitAudit waits for a line of the audit log that matches pattern.
func (g *gatewayProcess) awaitAudit(pattern string) error {
	re, err := regexp.Compile("(?m)" + pattern)
	if err != nil {
		return err
	}
	var text string
	err = eventually(func() error {
		if text, err = g.audit(); err != nil {
			return err
		}
		if !re.MatchString(text) {
			return errors.New("no such line")
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("audit log has no %q: %w\n%s", pattern, err, text)
	}
	return nil
}

// run runs a verb of the gateway on the data folder.
func (g *gatewayProcess) run(verb ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	args := append([]string{"--data", g.data}, verb...)
	cmd := exec.CommandContext(ctx, shared.gateway(), args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("gateway %s: %w\n%s%s", strings.Join(verb, " "), err, out, &stderr)
	}
	return string(out), err
}

// osh runs a command as the administrator.
func (g *gatewayProcess) osh(words ...string) (string, error) {
	return g.run(append([]string{"osh", "--as", admin, "--"}, words...)...)
}

// egressKeys returns the public keys that word lists, as authorized_keys has
// them.
func (g *gatewayProcess) egressKeys(words ...string) (string, error) {
	out, err := g.osh(append(words, "--json-greppable")...)
	keys := regexp.MustCompile(`(ssh|ecdsa)-[a-z0-9-]+ AAAA[A-Za-z0-9+/=]+`).FindAllString(out, -1)
	if err == nil && len(keys) == 0 {
		err = fmt.Errorf("no key in the answer of %v:\n%s", words, out)
	}
	return strings.Join(keys, "\n") + "\n", err
}

// eventually tries f until it succeeds, and gives its last error up.
func eventually(f func() error) error {
	end := time.NewTimer(patience)
	defer end.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-end.C:
			return err
		}
	}
}
