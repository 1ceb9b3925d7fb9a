package interop

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata/commands")

// TestCommands gives commands over OpenSSH and compares their answers, which
// scripts depend on, with those in testdata/commands: a file for each command,
// named after it, and some for what belongs to none, such as connection.txtar.
// To add a case write its first line with any exit status, then
//
//	go test ./interop-tests -run TestCommands/NAME -update
//
// and read the answer that it adds, which is indented by a tab. It is the JSON
// of --json-greppable, or where a session has none its output, as "> LINE".
// What differs from run to run is replaced: see stable. A file is of lines:
//
//	ACCOUNT EXIT WORD ...          ssh ACCOUNT@gateway --osh WORD ... exits with EXIT
//	ACCOUNT EXIT ssh WORD ...      the same without --osh: a connection to a target
//	ACCOUNT EXIT text WORD ...     the first without JSON: what people see
//	= WORD ...                     a change by the node's owner: gateway osh -- WORD ... exits with 0
//	=ACCOUNT WORD ...              the same with --as ACCOUNT
//	let NAME PATH                  $NAME is this part of the answer before: value.0.id, or value.* for the first key
//	set KEY=VALUE                  a setting of this file's gateway; before any case
//	target                         a real target at 127.0.0.1, port $TARGET, login $USER; before any case. It trusts
//	                               the egress keys of bob, ops and the group web, and nobody else
//	# TEXT                         a comment
//
// EXIT is rewritten by -update too, so look at it. A line's words are quoted
// as the gateway's grammar wants; " <NAME" at its end is a file of the archive
// as standard input, and $NAME elsewhere the contents of that file. An account
// uses one connection for all its cases, unless it is written as ACCOUNT!,
// which logs in anew: after a change of its right to log in.
//
// Each file has a gateway of its own, with the people of world.txt, who all
// log in with one key; see prepareCommands for what more there is.
//
// TestCommandCodes wants a file for every command, in which each of the codes
// that codes.txt lists is met.
func TestCommands(t *testing.T) {
	t.Parallel()
	needs(t, "sshd")
	files, err := filepath.Glob("testdata/commands/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no files: %v", err)
	}
	dir, err := os.MkdirTemp(shared.dir, "commands")
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if err := prepareCommands(data); err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			runCommands(t, file, data)
		})
	}
}

func runCommands(t *testing.T, file, data string) {
	a, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := newCommandWorld(t, a, data)
	want := string(a.Comment)
	var got strings.Builder
	for i, line := range strings.Split(strings.TrimSuffix(want, "\n"), "\n") {
		if strings.HasPrefix(line, "\t") {
			continue // the answer as it was
		}
		answer, err := c.line(line)
		if err != nil {
			t.Fatalf("%s:%d: %s: %v", file, i+1, line, err)
		}
		got.WriteString(answer)
	}
	if got.String() == want {
		return
	}
	if !*update {
		t.Errorf("%s (-want +got), -update accepts it:\n%s", file, cmp.Diff(want, got.String()))
		return
	}
	a.Comment = []byte(got.String())
	if err := os.WriteFile(file, txtar.Format(a), 0o644); err != nil {
		t.Fatal(err)
	}
}

// A case, and standard input at the end of a line.
var (
	caseLine  = regexp.MustCompile(`^([a-z]+)(!?) (\S+) (.+)$`)
	inputFile = regexp.MustCompile(` <(\S+)$`)
)

// line does what a line says and returns it with the answer below.
func (c *commandWorld) line(line string) (string, error) {
	word, rest, _ := strings.Cut(line, " ")
	switch {
	case line == "" || word == "#" || word == "set" || word == "target":
		return line + "\n", nil
	case word == "let":
		return line + "\n", c.let(rest)
	case word[0] == '=':
		return line + "\n", c.change(word[1:], rest)
	}
	m := caseLine.FindStringSubmatch(line)
	if m == nil {
		return "", fmt.Errorf("neither a case nor anything else")
	}
	words, input, err := c.words(m[4])
	if err != nil {
		return "", err
	}
	answer, exit, err := c.ssh(m[1], m[2] != "", words, input)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%s%s %d %s\n%s", m[1], m[2], exit, m[4], c.golden(answer)), nil
}

// words expands $NAME in a line and splits the standard input off.
func (c *commandWorld) words(line string) (string, []byte, error) {
	var input []byte
	if m := inputFile.FindStringSubmatch(line); m != nil {
		line = strings.TrimSuffix(line, m[0])
		text, ok := c.vars[m[1]]
		if !ok {
			return "", nil, fmt.Errorf("no file %s", m[1])
		}
		input = []byte(text + "\n")
	}
	var missing error
	line = regexp.MustCompile(`\$[A-Za-z][A-Za-z0-9_.]*`).ReplaceAllStringFunc(line, func(name string) string {
		text, ok := c.vars[name[1:]]
		if !ok {
			missing = fmt.Errorf("nothing is named %s", name)
		}
		return text
	})
	return line, input, missing
}

// golden is an answer as a file has it: its JSON, or what there is else.
func (c *commandWorld) golden(out []byte) string {
	var b strings.Builder
	if raw, ok := answerJSON(out); ok {
		b.WriteString("\t" + c.indent(raw) + "\n")
		return b.String()
	}
	for line := range strings.Lines(c.stable(string(bytes.TrimSuffix(out, []byte("\n"))))) {
		b.WriteString("\t> " + strings.TrimSuffix(line, "\n") + "\n")
	}
	return b.String()
}
