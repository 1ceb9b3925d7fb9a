package osh_test

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gateway/internal/osh"
)

// Every example runs as it is shown: copied into a shell after ssh … --, and
// typed at the prompt.
func TestExamples(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"servers", "commands.txt", "password", "ca.pem"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range osh.Commands() {
		if len(c.Examples) == 0 && !c.NotYet && len(osh.Options(c.New())) > 0 {
			t.Errorf("%s has options and no example", c.Name)
		}
		if len(c.Examples) == 0 {
			continue
		}
		shown, typed := exampleLines(c, false), exampleLines(c, true)
		if len(shown) != len(c.Examples) || len(typed) != len(c.Examples) {
			t.Errorf("%s: %d examples are shown as %q, at the prompt as %q", c.Name, len(c.Examples), shown, typed)
			continue
		}
		for i, e := range c.Examples {
			// ssh joins the words that its shell made with blanks.
			sh := exec.Command("/bin/sh", "-c", "printf '%s ' "+shown[i])
			sh.Dir = dir
			sent, err := sh.Output()
			if err != nil {
				t.Errorf("%s: a shell does not take %q: %v", c.Name, shown[i], err)
				continue
			}
			want := asked(t, c, "--osh "+strings.TrimSpace(withoutInput(typed[i])))
			if diff := cmp.Diff(want, asked(t, c, strings.TrimSpace(string(sent)))); diff != "" {
				t.Errorf("%s: example %q means something else in a shell (-prompt +shell):\n%s", c.Name, e, diff)
			}
		}
	}
}

// exampleLines returns the examples of the help of c, one a line.
func exampleLines(c *osh.Command, atPrompt bool) []string {
	var b bytes.Buffer
	osh.CommandHelp(&b, c, true, atPrompt)
	_, text, _ := strings.Cut(b.String(), "Examples:\n")
	text = strings.ReplaceAll(text, " \\\n    ", " ")
	return strings.Split(strings.TrimRight(text, "\n"), "\n")
}

// withoutInput leaves out where a shell reads the input from.
func withoutInput(line string) string {
	line, _, _ = strings.Cut(line, " <")
	return line
}

// asked returns what the monitor is asked for when line is executed.
func asked(t *testing.T, c *osh.Command, line string) []string {
	t.Helper()
	m := &monitor{result: osh.OK(c.Name, "OK", "OK", nil)}
	l, err := osh.ParseLine(line)
	if err != nil {
		t.Errorf("%s: %q: %v", c.Name, line, err)
		return nil
	}
	if l.Action == osh.Connect { // a command that stands for a connection
		return []string{l.String()}
	}
	var out, errOut bytes.Buffer
	osh.Execute(t.Context(), osh.Env{In: strings.NewReader(""), Out: &out, Err: &errOut, Client: m, Account: "zoe", Name: "gw"}, l)
	for _, wrong := range []string{"unknown option", "unexpected argument", "needs a value", "wants a number", "takes no value"} {
		if strings.Contains(errOut.String(), wrong) {
			t.Errorf("%s: %q: %s", c.Name, line, errOut.String())
		}
	}
	for _, r := range m.requests {
		name, body, _ := strings.Cut(r, " ")
		if name != c.Name {
			continue
		}
		req := c.New()
		if err := json.Unmarshal([]byte(body), req); err != nil {
			t.Errorf("%s: %q: %v", c.Name, line, err)
		}
		if missing := osh.Missing(req); missing != "" {
			t.Errorf("%s: %q lacks %s", c.Name, line, missing)
		}
	}
	return m.requests
}
