package interop

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestSSH runs the scripts about sessions with targets.
func TestSSH(t *testing.T) { runScripts(t, "testdata/ssh") }

// TestOsh runs the scripts about the gateway's own commands.
func TestOsh(t *testing.T) { runScripts(t, "testdata/osh") }

// TestNETCONF runs the scripts about NETCONF devices.
func TestNETCONF(t *testing.T) { runScripts(t, "testdata/netconf") }

// runScripts runs a folder of scripts. Besides testscript's own commands they
// have:
//
//	serve [KEY=VALUE ...]         a gateway with these settings; $gw is its port, $data its folder
//	halt                          the gateway is told to end; it must do so with exit status 0
//	target [-no-access] VAR       a target that trusts alice, who may reach it; its port is $VAR,
//	                              and its login $user; $at is user@address
//	device VAR                    a target that nobody may reach yet, with netconfd
//	identity VAR old|new          the target shows this host key from now on
//	allow VAR FILE                the target lets the keys of FILE in, and no others
//	gw EXIT [SSH OPTION ...] -- WORD ...    ssh alice@gateway -- WORD ... exits with EXIT
//	osh EXIT WORD ...             the same command, given on the gateway's own machine as alice
//	exits EXIT PROGRAM ARG ...    exec, with that exit status
//	[!] audit PATTERN             the audit log has (soon), or has not, a line that matches
//	soon EXIT PROGRAM ARG ...     exits, tried until it does
//	account NAME [OPTION ...]     an account, and its key in the file NAME
//	fake VAR BEHAVIOUR            a target at port $VAR that is none; see newFake
//	logged PATTERN                the operator's log has (soon) a line that matches
//	clean FILE ...                UTF-8 without control characters but line ends is in these files, stdout or stderr
func runScripts(t *testing.T, dir string) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 dir,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setUpScript,
		Condition:           missing,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serve, "halt": halt, "target": startTarget, "device": startDevice, "identity": identity, "allow": allow,
			"gw": gw, "osh": osh, "exits": exits, "audit": audit, "clean": clean,
			"soon": soon, "account": account, "fake": startFake, "logged": logged,
		},
	})
}

// script is what the commands of one script share.
type script struct {
	gateway *gatewayProcess
	targets map[string]*target
}

type scriptKey struct{}

func setUpScript(e *testscript.Env) error {
	e.Values[scriptKey{}] = &script{targets: make(map[string]*target)}
	e.Setenv("PATH", shared.bin+":"+e.Getenv("PATH"))
	e.Setenv("key", shared.key)
	e.Setenv("other", shared.other)
	e.Setenv("TERM", "xterm")
	return nil
}

func state(ts *testscript.TestScript) *script { return ts.Value(scriptKey{}).(*script) }

// missing is the condition [missing:PROGRAM], or [missing:root]. Where CI is
// set nothing may be missing.
func missing(condition string) (bool, error) {
	name, ok := strings.CutPrefix(condition, "missing:")
	if !ok {
		return false, fmt.Errorf("unknown condition %q", condition)
	}
	err := available(name)
	if err != nil && os.Getenv("CI") != "" {
		return false, err
	}
	return err != nil, nil
}

// available says what keeps a test from running.
func available(name string) error {
	switch name {
	case "root":
		if os.Geteuid() != 0 {
			return errors.New("not root")
		}
		return nil
	case "paramiko", "ncclient", "psycopg2":
		return exec.Command("/usr/bin/python3", "-c", "import "+name).Run()
	}
	_, err := exec.LookPath(name)
	return err
}

func serve(ts *testscript.TestScript, _ bool, settings []string) {
	dir := ts.MkAbs("gateway")
	ts.Check(os.Mkdir(dir, 0o755))
	g, err := newGateway(dir, settings...)
	ts.Check(err)
	ts.Defer(func() {
		g.stop() // a script that checks how it ends uses halt
		ts.Logf("[log of the gateway]\n%s", g.text())
	})
	state(ts).gateway = g
	ts.Setenv("gw", g.port())
	ts.Setenv("data", g.data)
	ts.Check(writeConfig(ts.MkAbs("ssh_config"), g))
}

// writeConfig makes the gateway the host gw of an ssh configuration.
func writeConfig(path string, g *gatewayProcess) error {
	key, err := os.ReadFile(filepath.Join(g.data, "ssh_host_ed25519_key.pub"))
	if err != nil {
		return err
	}
	known := path + ".known_hosts"
	text := fmt.Sprintf(`
Host gw
	HostName 127.0.0.1
	Port %s
	User %s
	IdentityFile %s
	IdentitiesOnly yes
	IdentityAgent none
	UserKnownHostsFile %s
	GlobalKnownHostsFile /dev/null
	StrictHostKeyChecking yes
	PasswordAuthentication no
	KbdInteractiveAuthentication no
`, g.port(), admin, shared.key, known)
	return errors.Join(
		os.WriteFile(known, []byte("[127.0.0.1]:"+g.port()+" "+string(key)), 0o600),
		os.WriteFile(path, []byte(text), 0o600),
	)
}

func halt(ts *testscript.TestScript, _ bool, _ []string) {
	code, err := state(ts).gateway.stop()
	ts.Check(err)
	if code != 0 {
		ts.Fatalf("the gateway ended with exit status %d", code)
	}
}

func startTarget(ts *testscript.TestScript, _ bool, args []string) {
	access := args[0] != "-no-access"
	name := args[len(args)-1]
	s := state(ts)
	keys, err := s.gateway.egressKeys("selfListEgressKeys")
	ts.Check(err)
	own, err := os.ReadFile(shared.key + ".pub") // to compare with what a direct login gives
	ts.Check(err)
	t, err := newTarget(ts.MkAbs("target-"+name), keys+string(own))
	ts.Check(err)
	ts.Defer(func() {
		t.close()
		ts.Logf("[log of the target %s]\n%s", name, t.log())
	})
	s.targets[name] = t
	ts.Setenv(name, t.port())
	ts.Setenv("user", t.user)
	ts.Setenv("at", t.user+"@127.0.0.1")
	if access {
		ts.Check(s.gateway.reach(t))
	}
}

// reach lets the administrator reach t.
func (g *gatewayProcess) reach(t *target) error {
	_, err := g.osh("selfAddPersonalAccess", "--host", "127.0.0.1", "--port", t.port(), "--user", t.user, "--force")
	return err
}

func identity(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(state(ts).targets[args[0]].identity(args[1]))
}

func allow(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(state(ts).targets[args[0]].allow(ts.ReadFile(args[1])))
}

func gw(ts *testscript.TestScript, _ bool, args []string) {
	for i, a := range args {
		if a == "--" {
			words := append([]string{args[0], "ssh", "-F", ts.MkAbs("ssh_config")}, args[1:i]...)
			words = append(append(words, "gw", "--"), args[i+1:]...)
			exits(ts, false, words)
			return
		}
	}
	ts.Fatalf("usage: gw EXIT [SSH OPTION ...] -- WORD ...")
}

func osh(ts *testscript.TestScript, _ bool, args []string) {
	words := []string{args[0], shared.gateway(), "osh", "--data", state(ts).gateway.data, "--as", admin, "--"}
	exits(ts, false, append(words, args[1:]...))
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: exits EXIT PROGRAM ARG ...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(exitsWith(ts, want, args[1:]))
}

func exitsWith(ts *testscript.TestScript, want int, words []string) error {
	got, err := exitCode(ts.Exec(words[0], words[1:]...))
	if err == nil && got != want {
		err = fmt.Errorf("exit status %d, want %d", got, want)
	}
	return err
}

func soon(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	ts.Check(eventually(func() error { return exitsWith(ts, want, args[1:]) }))
}

func account(ts *testscript.TestScript, _ bool, args []string) {
	key := ts.MkAbs(args[0])
	ts.Check(command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", args[0], "-f", key))
	words := []string{"accountCreate", "--account", args[0], "--uid-auto", "--public-key", strings.TrimSpace(ts.ReadFile(key + ".pub"))}
	_, err := state(ts).gateway.osh(append(words, args[1:]...)...)
	ts.Check(err)
}

func startFake(ts *testscript.TestScript, _ bool, args []string) {
	f, err := newFake(args[1])
	ts.Check(err)
	ts.Defer(f.close)
	ts.Setenv(args[0], f.port)
	_, err = state(ts).gateway.osh("selfAddPersonalAccess", "--host", "127.0.0.1", "--port", f.port, "--user", "root", "--force")
	ts.Check(err)
}

func logged(ts *testscript.TestScript, _ bool, args []string) {
	re := regexp.MustCompile("(?m)" + args[0])
	ts.Check(eventually(func() error {
		if text := state(ts).gateway.text(); !re.MatchString(text) {
			return fmt.Errorf("the log has no %q:\n%s", args[0], text)
		}
		return nil
	}))
}

// exitCode is the exit status that the error of an ended command tells.
func exitCode(err error) (int, error) {
	var ended *exec.ExitError
	if errors.As(err, &ended) {
		return ended.ExitCode(), nil
	}
	return 0, err
}

func audit(ts *testscript.TestScript, neg bool, args []string) {
	g := state(ts).gateway
	if !neg {
		ts.Check(g.awaitAudit(args[0]))
		return
	}
	text, err := g.audit()
	ts.Check(err)
	if found := regexp.MustCompile("(?m)" + args[0]).FindString(text); found != "" {
		ts.Fatalf("the audit log has %q", found)
	}
}

func clean(ts *testscript.TestScript, _ bool, files []string) {
	for _, name := range files {
		text := []byte(ts.ReadFile(name))
		if !utf8.Valid(text) {
			ts.Fatalf("%s is not UTF-8: %q", name, text)
		}
		if i := bytes.IndexFunc(text, func(r rune) bool {
			return r < ' ' && r != '\n' && r != '\r' && r != '\t' || r >= 0x7f && r < 0xa0
		}); i >= 0 {
			ts.Fatalf("%s has the control character %q in %q", name, text[i], text[max(0, i-40):min(len(text), i+40)])
		}
	}
}
