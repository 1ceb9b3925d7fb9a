package profiles

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"gateway"
	"gateway/internal/dialogue"
)

// maxSize bounds a file.
const maxSize = 64 << 10

// Problem is what is wrong with a file. It wraps gateway.ErrInvalid.
type Problem struct {
	File string
	Line int    // 0: not at a line
	Key  string // such as shell[1]; empty: the file as a whole
	Text string // what is wrong and what is allowed
}

// Error gives "cisco-ios.yaml:12: shell[1]: …".
func (p *Problem) Error() string {
	s := p.File
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
	}
	if p.Key != "" {
		s += ": " + p.Key
	}
	return s + ": " + p.Text
}

// Unwrap returns gateway.ErrInvalid.
func (p *Problem) Unwrap() error { return gateway.ErrInvalid }

// parser reads one file; it keeps the first problem.
type parser struct {
	file    string
	lines   map[string]int // of keys
	problem *Problem
}

// Parse reads the profile of a file, whose name is NAME.yaml. Its error is a
// *Problem.
func Parse(file string, data []byte) (dialogue.Profile, error) {
	var profile dialogue.Profile
	p := &parser{file: file, lines: map[string]int{}}
	if len(data) > maxSize {
		return profile, &Problem{File: file, Text: fmt.Sprintf("it is larger than the %d KiB that are allowed", maxSize>>10)}
	}
	var doc yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(data))
	switch err := d.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return profile, &Problem{File: file, Text: "it is empty: want a profile"}
	case err != nil:
		return profile, &Problem{File: file, Text: strings.TrimPrefix(err.Error(), "yaml: ")}
	case d.Decode(new(yaml.Node)) != io.EOF:
		return profile, &Problem{File: file, Text: "it has more than one document: want one profile"}
	}
	p.value(doc.Content[0], "", reflect.ValueOf(&profile).Elem())
	if p.problem != nil {
		return profile, p.problem
	}
	if err := profile.Check(); err != nil {
		if f, ok := errors.AsType[*dialogue.FieldError](err); ok {
			p.fail(p.line(f.Key), f.Key, "%v", f.Err)
			return profile, p.problem
		}
		return profile, &Problem{File: file, Text: err.Error()}
	}
	if want := profile.Name + ".yaml"; file != want {
		p.fail(p.lines["name"], "name", "the profile %s is to be in a file %s", profile.Name, want)
		return profile, p.problem
	}
	if profile.Fallback != (profile.Name == Fallback) {
		p.fail(p.lines["fallback"], "fallback", "want true in %s.yaml and nowhere else", Fallback)
		return profile, p.problem
	}
	return profile, nil
}

// line finds a key's line, or that of the key around it.
func (p *parser) line(key string) int {
	for {
		if n, ok := p.lines[key]; ok {
			return n
		}
		i := strings.LastIndexAny(key, ".[")
		if i < 0 {
			return 0
		}
		key = key[:i]
	}
}

func (p *parser) fail(line int, key, format string, args ...any) {
	if p.problem == nil {
		p.problem = &Problem{File: p.file, Line: line, Key: key, Text: fmt.Sprintf(format, args...)}
	}
}

// value reads a node into v. Nothing is converted: a text that looks like a
// number is quoted in the file, or refused.
func (p *parser) value(n *yaml.Node, key string, v reflect.Value) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		p.fail(n.Line, key, "anchors and aliases are not allowed: write the value out")
		return
	}
	if _, ok := v.Interface().(time.Duration); ok {
		d, err := time.ParseDuration(n.Value)
		if n.Kind != yaml.ScalarNode || err != nil {
			p.fail(n.Line, key, "want a time such as 500ms or 30s")
			return
		}
		v.SetInt(int64(d))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		p.value(n, key, v.Elem())
	case reflect.Struct:
		p.mapping(n, key, v)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			p.fail(n.Line, key, "want a list, each item in a line that starts with -")
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content)))
		for i, item := range n.Content {
			k := fmt.Sprintf("%s[%d]", key, i)
			p.lines[k] = item.Line
			p.value(item, k, v.Index(i))
		}
	case reflect.String:
		if n.Kind != yaml.ScalarNode || n.ShortTag() != "!!str" {
			p.fail(n.Line, key, "want text, in quotes if it looks like something else")
			return
		}
		v.SetString(n.Value)
	case reflect.Bool:
		if n.Kind != yaml.ScalarNode || n.Value != "true" && n.Value != "false" {
			p.fail(n.Line, key, "want true or false")
			return
		}
		v.SetBool(n.Value == "true")
	default:
		panic("profiles: a field of type " + v.Type().String())
	}
}

func (p *parser) mapping(n *yaml.Node, path string, v reflect.Value) {
	fields := keys(v.Type())
	if n.Kind != yaml.MappingNode {
		p.fail(n.Line, path, "want KEY: VALUE lines; the keys are %s", strings.Join(fields, ", "))
		return
	}
	if path != "" {
		path += "."
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		f := slices.Index(fields, name.Value)
		if f < 0 {
			p.fail(name.Line, path+gateway.Printable(name.Value), "unknown key; allowed are %s", strings.Join(fields, ", "))
			return
		}
		key := path + name.Value
		if first, twice := p.lines[key]; twice {
			p.fail(name.Line, key, "the key is here for the second time, first in line %d", first)
			return
		}
		p.lines[key] = name.Line
		p.value(value, key, v.Field(f))
	}
}

// keys names the fields of a structure in their order.
func keys(t reflect.Type) []string {
	var names []string
	for f := range t.NumField() {
		names = append(names, t.Field(f).Tag.Get("yaml"))
	}
	return names
}
