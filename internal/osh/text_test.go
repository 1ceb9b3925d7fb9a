package osh_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gateway"
	"gateway/internal/osh"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// monitor answers every command with the same result, and remembers requests.
type monitor struct {
	result   osh.Result
	requests []string
}

func (m *monitor) Run(_ context.Context, command string, request json.RawMessage) (osh.Result, error) {
	m.requests = append(m.requests, command+" "+string(request))
	return m.result, nil
}

func (m *monitor) Complete(context.Context, string, string) ([]string, error) { return nil, nil }

// shown runs a line whose answer is r, and returns what the person sees.
func (m *monitor) shown(t *testing.T, line, stdin string) (exit int, out, errOut string) {
	t.Helper()
	l, err := osh.ParseLine(line)
	if err != nil {
		t.Fatal(err)
	}
	var o, e bytes.Buffer
	exit = osh.Execute(t.Context(), osh.Env{In: strings.NewReader(stdin), Out: &o, Err: &e, Client: m, Account: "zoe", Name: "gw"}, l)
	return exit, o.String(), e.String()
}

// What people see of the answers that package admin gives.
func TestTexts(t *testing.T) {
	for name, line := range map[string]string{
		"accountAddPersonalAccess-name": "--osh accountAddPersonalAccess --account zoe --host six --user root --port 65535",
		"accountInfo":                   "--osh accountInfo --account member",
		"accountInfo-auditor":           "--osh accountInfo member",
		"accountInfo-frozen":            "--osh accountInfo frozen",
		"accountInfo-modified":          "--osh accountInfo member",
		"accountListArchives":           "--osh accountListArchives",
		"accountListEgressKeys":         "--osh accountListEgressKeys --account member",
		"accountListIngressKeys":        "--osh accountListIngressKeys --account member",
		"accountModify":                 "--osh accountModify --account member --osh-only yes",
		"accountRestore":                "--osh accountRestore --account member",
		"accountList-audit":             "--osh accountList --audit",
		"accountListAccesses":           "--osh accountListAccesses --account member",
		"groupInfo":                     "--osh groupInfo web",
		"groupInfo-all":                 "--osh groupInfo --all",
		"groupInfo-stranger":            "--osh groupInfo --group web",
		"groupList":                     "--osh groupList",
		"groupList-all":                 "--osh groupList --all",
		"groupListServers":              "--osh groupListServers --group web",
		"whoHasAccessTo":                "--osh whoHasAccessTo 192.0.2.1",
	} {
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(filepath.Join("..", "admin", "testdata", name+".json"))
			if err != nil {
				t.Fatal(err)
			}
			var m monitor
			if err := json.Unmarshal(raw, &m.result); err != nil {
				t.Fatal(err)
			}
			exit, out, errOut := m.shown(t, line, "")
			if exit != 0 || errOut != "" {
				t.Errorf("exit %d, stderr %q", exit, errOut)
			}
			path := filepath.Join("testdata", name+".txt")
			if *update {
				if err := os.WriteFile(path, []byte(out), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), out); diff != "" {
				t.Errorf("%s (-want +got):\n%s", path, diff)
			}
		})
	}
}

// Whatever the state holds, it can't drive the person's terminal.
func TestTextsArePrintable(t *testing.T) {
	evil := "\x1b[2J\u202e\r"
	for line, value := range map[string]any{
		"--osh accountInfo zoe":              osh.AccountInfoValue{Account: evil, AllowedCommands: []string{evil}, Groups: map[string]osh.GroupFlags{evil: {Flags: []string{evil}}}, AccountDetails: &osh.AccountDetails{Freeze: &osh.FreezeInfo{By: evil, Reason: evil}}},
		"--osh accountList":                  map[string]osh.AccountLine{evil: {Name: evil, CreatedBy: evil}},
		"--osh groupInfo web":                osh.GroupInfoValue{Group: evil, Owners: []string{evil}, GroupPeople: &osh.GroupPeople{Guests: []string{evil}}, Keys: map[string]osh.Key{evil: {Line: evil}}},
		"--osh groupList":                    map[string]osh.GroupFlags{evil: {Flags: []string{evil}}},
		"--osh whoHasAccessTo x":             map[string]osh.AccountWays{evil: {GroupAccess: []string{evil}}},
		"--osh groupListServers --group web": []osh.ListedAccess{{IP: evil, ReverseDNS: &evil, User: &evil, AddedBy: evil, UserComment: &evil}},
	} {
		m := monitor{result: osh.OK("x", "OK", evil, value)}
		_, out, _ := m.shown(t, line, "")
		for l := range strings.Lines(out) {
			if l = strings.TrimSuffix(l, "\n"); gateway.Printable(l) != l {
				t.Errorf("%s prints %q", line, l)
			}
		}
	}
}

func TestAccountListNoOutput(t *testing.T) {
	m := monitor{result: osh.OK("accountList", "OK", "1 accounts.", map[string]osh.AccountLine{"zoe": {Name: "zoe"}})}
	if _, out, _ := m.shown(t, "--osh accountList --no-output --json-greppable", ""); strings.Contains(out, "UID") || !strings.Contains(out, "JSON_OUTPUT=") {
		t.Errorf("--no-output prints %q", out)
	}
}

// The key of a new account is asked for, unless the line says something about it.
func TestAccountCreateAsksForTheKey(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{"--osh accountCreate --account new --uid-auto", `"PublicKey":"ssh-ed25519 AAAA me"`},
		{"--osh accountCreate --account new --uid-auto --no-key", `"PublicKey":""`},
		{"--osh accountCreate --account new --uid-auto --public-key 'ssh-rsa B'", `"PublicKey":"ssh-rsa B"`},
	} {
		m := monitor{result: osh.OK("accountCreate", "OK", "OK", nil)}
		m.shown(t, tt.line, "ssh-ed25519 AAAA me\n")
		if len(m.requests) != 1 || !strings.Contains(m.requests[0], tt.want) {
			t.Errorf("%s sends %v, want %s", tt.line, m.requests, tt.want)
		}
	}
}

// The sentence that is typed goes to the monitor, which compares it.
func TestDeletionsAskForTheSentence(t *testing.T) {
	for _, line := range []string{"--osh accountDelete --account zoe", "--osh groupDelete --group web"} {
		m := monitor{result: osh.Fail("x", osh.CodeUnconfirmed, "type: Yes", nil)}
		exit, _, errOut := m.shown(t, line, "Yes, I mean it\n")
		if exit != 100 || len(m.requests) != 2 || !strings.Contains(m.requests[1], `"Confirm":"Yes, I mean it"`) || !strings.Contains(errOut, "type: Yes") {
			t.Errorf("%s: exit %d, requests %v, stderr %q", line, exit, m.requests, errOut)
		}
		m = monitor{result: osh.OK("x", "OK", "OK", nil)}
		if m.shown(t, line+" --no-confirm", ""); len(m.requests) != 1 || !strings.Contains(m.requests[0], `"NoConfirm":true`) {
			t.Errorf("%s --no-confirm: requests %v", line, m.requests)
		}
	}
}

// Every option of every command can be given on a line, and has help; the help
// of every command fits 120 columns.
func TestDeclarations(t *testing.T) {
	for _, cmd := range osh.Commands() {
		var help bytes.Buffer
		osh.CommandHelp(&help, cmd, true, false)
		for l := range strings.Lines(help.String()) {
			if len([]rune(l)) > 81 {
				t.Errorf("%s: the help has a line of %d characters: %s", cmd.Name, len(l), l)
			}
		}
		if n := len(cmd.Summary); n > 52 {
			t.Errorf("%s: the summary has %d characters, more than a line of the overview has room for", cmd.Name, n)
		}
		seen := map[string]bool{}
		for _, o := range osh.Options(cmd.New()) {
			if o.Help == "" {
				t.Errorf("%s %s has no help", cmd.Name, o.Flag())
			}
			for _, n := range o.Names {
				if seen[n] {
					t.Errorf("%s: option %s twice", cmd.Name, n)
				}
				seen[n] = true
			}
		}
	}
}

// JSON goes to terminals too.
func TestJSONIsPrintable(t *testing.T) {
	const evil = "a\x1b[31m\u009b31m\x7f\u202e\u2028\U000e0001\u200b\ufeff\"\\\n<é€😀"
	for _, flag := range []string{"--json", "--json-pretty", "--json-greppable"} {
		var out bytes.Buffer
		line, err := osh.ParseLine("-q --osh info " + flag)
		if err != nil {
			t.Fatal(err)
		}
		env := osh.Env{In: strings.NewReader(""), Out: &out, Err: io.Discard, Client: &monitor{result: osh.OK("info", "OK", evil, map[string]string{evil: evil})}}
		osh.Execute(t.Context(), env, line)
		for l := range strings.Lines(out.String()) {
			if l = strings.TrimSuffix(l, "\n"); gateway.Printable(l) != l {
				t.Errorf("%s writes %q", flag, l)
			}
		}
		doc := out.String()[strings.IndexByte(out.String(), '{') : strings.LastIndexByte(out.String(), '}')+1]
		var got struct {
			Message string            `json:"error_message"`
			Value   map[string]string `json:"value"`
		}
		if err := json.Unmarshal([]byte(doc), &got); err != nil || got.Message != evil || got.Value[evil] != evil {
			t.Errorf("%s: %q, %v", flag, got, err)
		}
	}
}

// A variable of a script that is not set must not widen what it was for.
func TestEmptyValues(t *testing.T) {
	for _, text := range []string{
		"groupAddMember --group web --account bob --ttl ''", "groupAddMember --group web --account bob --ttl=",
		"groupAddServer --group web --host h --user u --port 1 --force-key ''", "selfAddPersonalAccess --host h --user u --port 1 --force-password=",
		"groupModify --group web --guest-ttl-limit ''", "accountCreate --account bob --uid-auto --no-key --ttl ''",
	} {
		line, err := osh.ParseLine("--osh " + text + " --json-greppable")
		if err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		env := osh.Env{In: strings.NewReader(""), Out: &out, Err: io.Discard, Client: &monitor{result: osh.OK("x", "OK", "OK", nil)}}
		if osh.Execute(t.Context(), env, line); !strings.Contains(out.String(), "ERR_BAD_OPTIONS") || !strings.Contains(out.String(), "empty") {
			t.Errorf("%s: %s", text, out.String())
		}
	}
}
