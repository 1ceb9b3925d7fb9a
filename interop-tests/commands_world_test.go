package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
)

// commandWorld is where the lines of one file are run.
type commandWorld struct {
	g      *gatewayProcess
	target *target
	config string            // of ssh
	dir    string            // of the sockets of connections: a short path
	vars   map[string]string // of lines
	answer []byte            // JSON of the last one
	shared map[string]bool   // accounts with a connection
}

// prepareCommands makes the data folder that every file starts with: what
// world.txt says, and the account ops, which was granted every restricted
// command.
func prepareCommands(data string) error {
	text, err := os.ReadFile("testdata/commands/world.txt")
	if err != nil {
		return err
	}
	if err := command("cp", "-a", shared.data, data); err != nil {
		return err
	}
	g := &gatewayProcess{data: data}
	for _, s := range []string{"adminAccounts=[alice, boss]", "superOwnerAccounts=[super]", "maxConnectionsPerSource=100"} {
		if err := g.set(s); err != nil {
			return err
		}
	}
	if err := g.start(); err != nil {
		return err
	}
	defer g.stop()
	key, err := os.ReadFile(shared.key + ".pub")
	if err != nil {
		return err
	}
	c := &commandWorld{g: g, vars: map[string]string{"KEY": strings.TrimSpace(string(key))}}
	for line := range strings.Lines(string(text)) {
		if _, err := c.line(strings.TrimSpace(line)); err != nil {
			return fmt.Errorf("world.txt: %s: %w", strings.TrimSpace(line), err)
		}
	}
	all, err := commandList(g)
	for _, o := range all {
		if o.category == restricted {
			err = errors.Join(err, c.change("", "accountGrantCommand --account ops --command "+o.name))
		}
	}
	return err
}

func newCommandWorld(t *testing.T, a *txtar.Archive, data string) *commandWorld {
	t.Helper()
	// The path of a socket may not be long.
	dir, err := os.MkdirTemp("", "gw")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	c := &commandWorld{
		g: &gatewayProcess{data: filepath.Join(dir, "data")}, dir: dir, config: filepath.Join(dir, "ssh_config"),
		vars: make(map[string]string), shared: make(map[string]bool),
	}
	err = command("cp", "-a", data, c.g.data)
	for line := range strings.Lines(string(a.Comment)) {
		if setting, ok := strings.CutPrefix(strings.TrimSpace(line), "set "); ok {
			err = errors.Join(err, c.g.set(setting))
		}
	}
	if err = errors.Join(err, c.g.start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		c.g.stop()
		if t.Failed() {
			t.Logf("log of the gateway:\n%s", c.g.text())
		}
	})
	for _, f := range a.Files {
		c.vars[f.Name] = strings.TrimSpace(string(f.Data))
	}
	key, err := os.ReadFile(shared.key + ".pub")
	c.vars["KEY"], c.vars["GATEWAY"] = strings.TrimSpace(string(key)), c.g.port()
	if err = errors.Join(err, writeConfig(c.config, c.g)); err != nil {
		t.Fatal(err)
	}
	if slices.Contains(strings.Split(string(a.Comment), "\n"), "target") {
		c.startTarget(t)
	}
	return c
}

// egressKey is a public key as an answer has it.
var egressKey = regexp.MustCompile(`(ssh|ecdsa)-[a-z0-9-]+ AAAA[A-Za-z0-9+/=]+`)

func (c *commandWorld) startTarget(t *testing.T) {
	t.Helper()
	var keys strings.Builder
	for _, words := range [][]string{
		{"--as", "bob", "--", "selfListEgressKeys"}, {"--as", "ops", "--", "selfListEgressKeys"}, {"--", "groupInfo", "--group", "web"},
	} {
		out, err := c.g.run(slices.Concat([]string{"osh"}, words, []string{"--json-greppable"})...)
		if err != nil {
			t.Fatal(err)
		}
		keys.WriteString(strings.Join(egressKey.FindAllString(out, -1), "\n") + "\n")
	}
	var err error
	if c.target, err = newTarget(t.TempDir(), keys.String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.target.close)
	c.vars["TARGET"], c.vars["USER"] = c.target.port(), c.target.user
}

// change runs a command as the owner of the node, as account if there is one.
func (c *commandWorld) change(account, line string) error {
	words, input, err := c.words(line)
	if err != nil {
		return err
	}
	if account != "" {
		account = "--as " + account
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "sh", "-c", fmt.Sprintf(`exec "$0" osh --data "$1" %s -- %s --json-greppable`, account, words), shared.gateway(), c.g.data)
	cmd.Stdin = bytes.NewReader(input)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	c.answer, _ = answerJSON(out)
	return nil
}

// ssh gives a line to the gateway, and returns its output and exit status.
func (c *commandWorld) ssh(account string, anew bool, line string, input []byte) ([]byte, int, error) {
	switch form, rest, _ := strings.Cut(line, " "); form {
	case "ssh":
		line = "--json-greppable " + rest
	case "text":
		line = "--osh " + rest
	default:
		line = "--json-greppable --osh " + line
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	socket := "none"
	if !anew {
		socket = filepath.Join(c.dir, account)
		if !c.shared[account] {
			c.shared[account] = true
			// Where it may not log in, what follows says so. It ends with the gateway.
			_ = c.client(ctx, "-f", "-N", "-M", "-S", socket, "-l", account, "gw").Run()
		}
	}
	cmd := c.client(ctx, "-S", socket, "-l", account, "gw", "--", line)
	cmd.Stdin = bytes.NewReader(input)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	exit, err := exitCode(cmd.Run())
	if err != nil {
		return nil, 0, err
	}
	for _, b := range [][]byte{stdout.Bytes(), stderr.Bytes()} {
		if i := bytes.IndexFunc(b, func(r rune) bool { return r < ' ' && r != '\n' && r != '\r' || r == 0x7f }); i >= 0 {
			return nil, 0, fmt.Errorf("a control character in the output: %q", b[max(0, i-40):min(len(b), i+40)])
		}
	}
	var ok bool
	c.answer, ok = answerJSON(stdout.Bytes())
	if !ok && exit == 255 { // ssh's own trouble is told there only
		io.Copy(&stdout, &stderr)
	}
	return stdout.Bytes(), exit, nil
}

func (c *commandWorld) client(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ssh", append([]string{"-F", c.config}, args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// let names a part of the last answer.
func (c *commandWorld) let(rest string) error {
	name, path, _ := strings.Cut(rest, " ")
	var v any
	if err := json.Unmarshal(c.answer, &v); err != nil {
		return fmt.Errorf("the answer before: %w", err)
	}
	for key := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			if key != "*" {
				v = in[key]
				break
			}
			for first := range in {
				v = first
			}
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i < 0 || i >= len(in) {
				return fmt.Errorf("no element %s in %s", key, c.answer)
			}
			v = in[i]
		default:
			return fmt.Errorf("nothing is below %s in %s", key, c.answer)
		}
	}
	if v == nil {
		return fmt.Errorf("no %s in %s", path, c.answer)
	}
	c.vars[name] = fmt.Sprint(v)
	return nil
}
