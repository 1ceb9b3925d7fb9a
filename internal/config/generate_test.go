package config

import (
	"bytes"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite what is generated")

// documented is one field of Config with its comment.
type documented struct {
	section string // set on the first of a section
	key     string
	doc     []string
}

// readComments takes the comments of a struct's fields out of a file.
func readComments(t *testing.T, file, name string) []documented {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments)
	if err != nil {
		t.Fatal(err)
	}
	var section string
	var all []documented
	comments := f.Comments
	fields := f.Scope.Lookup(name).Decl.(*ast.TypeSpec).Type.(*ast.StructType).Fields.List
	for _, field := range fields {
		for len(comments) > 0 && comments[0].Pos() < field.Names[0].Pos() {
			if s, ok := strings.CutPrefix(comments[0].Text(), "Section: "); ok {
				section = strings.TrimSpace(s)
			}
			comments = comments[1:]
		}
		if !field.Names[0].IsExported() {
			continue
		}
		doc := strings.TrimSpace(field.Doc.Text())
		if doc == "" {
			t.Fatalf("field %s has no comment", field.Names[0])
		}
		tag := reflect.StructTag(strings.Trim(field.Tag.Value, "`"))
		all = append(all, documented{section, tag.Get("yaml"), strings.Split(doc, "\n")})
		section = ""
	}
	return all
}

// ofCommands says which commands have a setting; what package osh declares is
// compared in cmd/gateway.
func ofCommands(key string) string {
	switch {
	case (Command{}).has(key):
		return "every command"
	case key == "admin_show_system_info" || key == "show_fortune":
		return "`info`"
	case key == "minPasswordSize":
		return "`selfGeneratePassword`, `accountGeneratePassword`, `groupGeneratePassword`"
	}
	return "`selfAddPersonalAccess`, `accountAddPersonalAccess`"
}

func TestGenerated(t *testing.T) {
	var file, page bytes.Buffer
	file.WriteString(`# The configuration of this gateway. A line without '#' sets what the default
# does not suit. Changes are in force for the next connection, unless said
# otherwise; a broken file is reported and changes nothing.
# Check it with: gateway check
`)
	page.WriteString(`# gateway.yaml

Generated from the comments in ` + "`internal/config/config.go`" + ` by ` + "`go generate ./internal/config`" + `.

One YAML file in the data folder. Every key is optional; an unknown key is an error. ` + "`gateway check`" + ` says what is
wrong and what is in force, ` + "`gateway config get|set|list`" + ` read and change the file in place. A running gateway takes
a changed file up at the next connection; a broken one is reported and the last good one stays in force.

The names are The Bastion's where it has the setting. Its settings that are not here are refused, with the reason;
[settings.md](settings.md) has all of them.
`)
	def := Default()
	for _, d := range readComments(t, "config.go", "Config") {
		s, err := def.Get(d.key)
		if err != nil {
			t.Fatal(err)
		}
		if d.section != "" {
			fmt.Fprintf(&file, "\n### %s\n", d.section)
			fmt.Fprintf(&page, "\n## %s\n\n| key | default | meaning |\n|---|---|---|\n", d.section)
		}
		fmt.Fprintf(&file, "\n# %s\n#%s\n", strings.Join(d.doc, "\n# "), s)
		fmt.Fprintf(&page, "| `%s` | `%s` | %s |\n", d.key, strings.TrimPrefix(s.String(), d.key+": "),
			strings.ReplaceAll(strings.Join(d.doc, " "), "*", `\*`))
	}
	fmt.Fprintf(&page, "\n## Settings of commands\n\nUnder `commands: {NAME: {…}}`; the names of The Bastion's older commands "+
		"are understood.\n\n| key | of | meaning |\n|---|---|---|\n")
	for _, d := range readComments(t, "commands.go", "CommandSettings") {
		fmt.Fprintf(&page, "| `%s` | %s | %s |\n", d.key, ofCommands(d.key), strings.Join(d.doc, " "))
	}
	for name, got := range map[string][]byte{
		"initial.yaml": file.Bytes(), "../../docs/config.md": page.Bytes(), "../../docs/settings.md": settingsPage(),
	} {
		if *update {
			if err := os.WriteFile(name, got, 0o644); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("%s is not what the comments say; run go generate ./internal/config:\n%s", name, diff)
		}
	}
}

func TestInitialFileIsTheDefault(t *testing.T) {
	c, err := Load(bytes.NewReader(InitialFile("edge-1")), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.BastionName = "edge-1"
	if diff := cmp.Diff(want.List(), c.List()); diff != "" {
		t.Error(diff)
	}

	// With every comment removed it still says nothing else.
	bare := strings.ReplaceAll(string(InitialFile("gateway")), "\n#", "\n")
	var settings []string
	for l := range strings.Lines(bare) {
		if _, ok := Default().field(strings.SplitN(l, ":", 2)[0]); ok {
			settings = append(settings, l)
		}
	}
	c, err = Load(strings.NewReader(strings.Join(settings, "")), nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Default().List(), c.List()); diff != "" || len(settings) != len(Keys()) {
		t.Errorf("%d of %d settings\n%s", len(settings), len(Keys()), diff)
	}
}
