package interop

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// restricted is the category of commands that are granted one by one.
const restricted = "granted one by one"

// refusals are the codes for who may not use a command, by its category.
var refusals = map[string][]string{
	"for everybody":                        nil,
	"for aclkeepers of a group":            {"ERR_NOT_GROUP_ACLKEEPER", "KO_GROUP_NOT_FOUND"},
	"for aclkeepers and owners of a group": {"ERR_NOT_GROUP_ACLKEEPER", "KO_GROUP_NOT_FOUND"},
	"for gatekeepers of a group":           {"ERR_NOT_GROUP_GATEKEEPER", "KO_GROUP_NOT_FOUND"},
	"for owners of a group":                {"ERR_NOT_GROUP_OWNER", "KO_GROUP_NOT_FOUND"},
	restricted:                             {"KO_RESTRICTED_COMMAND"},
	"for administrators":                   {"KO_RESTRICTED_COMMAND"},
}

// listed is a command as help lists it.
type listed struct {
	name, category string
	notYet         bool // declared, and not offered
}

// commandList is what help lists for the owner of the node: every command.
func commandList(g *gatewayProcess) ([]listed, error) {
	out, err := g.run("osh", "--", "help")
	if err != nil {
		return nil, err
	}
	var all []listed
	category := ""
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if title, ok := strings.CutSuffix(line, ":"); ok {
			category = title
		} else if category != "" && line != "" {
			all = append(all, listed{strings.Fields(line)[0], category, strings.HasSuffix(line, "(not yet)")})
		}
	}
	if len(all) == 0 {
		err = fmt.Errorf("help lists no command:\n%s", out)
	}
	return all, err
}

// TestCommandCodes wants a case for each code that a command answers with.
func TestCommandCodes(t *testing.T) {
	t.Parallel()
	table, err := os.ReadFile("testdata/commands/codes.txt")
	if err != nil {
		t.Fatal(err)
	}
	codes := make(map[string][]string)
	for line := range strings.Lines(string(table)) {
		if name, list, ok := strings.Cut(line, ":"); ok && line[0] != '#' {
			codes[name] = strings.Fields(list)
		}
	}
	all, err := commandList(&gatewayProcess{data: shared.data})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range append(all, listed{"connection", "for everybody", false}) {
		refused, ok := refusals[c.category]
		if !ok {
			t.Errorf("%s is of the unknown category %q", c.name, c.category)
		}
		if c.notYet {
			if text, err := cases("notYet"); err != nil || !strings.Contains(string(text), `"`+c.name+`","error_code":"ERR_NOT_IMPLEMENTED"`) {
				t.Errorf("notYet.txtar has no case of %s (%v)", c.name, err)
			}
			continue
		}
		text, err := cases(c.name)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, code := range slices.Concat(refused, codes[c.name]) {
			if !regexp.MustCompile(`"command": ?("` + c.name + `"|null),\s*"error_code": ?"` + code + `"`).Match(text) {
				t.Errorf("%s.txtar has no case of %s", c.name, code)
			}
		}
	}
}

// cases is the file of a command, with those named NAME-….
func cases(name string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join("testdata/commands", name+".txtar"))
	more, _ := filepath.Glob(filepath.Join("testdata/commands", name+"-*.txtar")) // the pattern is well-formed
	for _, file := range more {
		b, e := os.ReadFile(file)
		text, err = append(text, b...), errors.Join(err, e)
	}
	return text, err
}
