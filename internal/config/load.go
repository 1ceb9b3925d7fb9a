package config

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"gateway"
)

// maxSize bounds the file, and with it what a mistake can cost.
const maxSize = 1 << 20

// Problem is one thing that is wrong in the file. It wraps gateway.ErrInvalid.
type Problem struct {
	Line int    // 0: not at a line
	Path string // such as listen[2]; empty: the file as a whole
	Text string
}

// Error gives "gateway.yaml:12: listen[2]: …".
func (p Problem) Error() string {
	s := FileName
	if p.Line > 0 {
		s += ":" + strconv.Itoa(p.Line)
	}
	if p.Path != "" {
		s += ": " + p.Path
	}
	return s + ": " + p.Text
}

// Unwrap returns gateway.ErrInvalid.
func (p Problem) Unwrap() error { return gateway.ErrInvalid }

// Load lays a file over Default and validates it. The error joins every
// Problem of the file. commands are those that may have settings.
func Load(r io.Reader, commands []Command) (*Config, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", FileName, err)
	}
	return parse(data, commands)
}

func parse(data []byte, commands []Command) (*Config, error) {
	if len(data) > maxSize {
		return nil, Problem{Text: fmt.Sprintf("larger than %d bytes", maxSize)}
	}
	c := Default()
	c.lines, c.known = map[string]int{}, commands
	root, err := topMapping(data)
	if err != nil {
		return nil, err
	}
	d := decoder{c: c}
	if root != nil {
		d.mapping(root, "", c.key)
	}
	problems := append(d.problems, c.problems()...)
	slices.SortStableFunc(problems, func(a, b error) int {
		return cmp.Compare(a.(Problem).Line, b.(Problem).Line)
	})
	if err := errors.Join(problems...); err != nil {
		return nil, err
	}
	return c, nil
}

// topMapping returns the mapping that the file is, nil for an empty file.
func topMapping(data []byte) (*yaml.Node, error) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, syntaxProblem(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return nil, Problem{Text: "more than one document: remove the line ---"}
	}
	root := doc.Content[0]
	if root.Tag == "!!null" {
		return nil, nil
	}
	if root.Kind != yaml.MappingNode {
		return nil, Problem{Line: root.Line, Text: "want lines of the form KEY: VALUE"}
	}
	return root, nil
}

// syntaxProblem takes the line out of the library's text, which is all it offers.
func syntaxProblem(err error) Problem {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if n, rest, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(n); err == nil {
				return Problem{Line: line, Text: gateway.Printable(rest)}
			}
		}
	}
	return Problem{Text: gateway.Printable(text)}
}

// decoder walks the nodes itself, because yaml's own decoding stops short of
// naming the path and all that is wrong.
type decoder struct {
	c        *Config
	problems []error
}

func (d *decoder) fail(n *yaml.Node, path, format string, args ...any) {
	d.problems = append(d.problems, Problem{Line: n.Line, Path: path, Text: fmt.Sprintf(format, args...)})
}

// mapping decodes a mapping whose path is prefix, "" for the file. into says
// where a key's value goes and under which name, or, in its last result, why
// there is no such key.
func (d *decoder) mapping(n *yaml.Node, prefix string, into func(key string) (name string, field any, why string)) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		name, field, why := into(key.Value)
		if why != "" {
			d.fail(key, strings.TrimSuffix(prefix, "."), "%s", why)
			continue
		}
		path := prefix + name
		if d.c.lines[path] != 0 {
			d.fail(key, "", "key %s is here for the second time, first in line %d", path, d.c.lines[path])
			continue
		}
		d.c.lines[path] = key.Line
		d.value(value, path, field)
	}
}

// key is where the value of a key of the file goes.
func (c *Config) key(key string) (string, any, string) {
	if field, ok := c.field(key); ok {
		return key, field.Addr().Interface(), ""
	}
	return "", nil, "unknown key " + gateway.Printable(key) + "; " + suggest(key)
}

// value decodes n into what p points to; on a problem that keeps its default.
func (d *decoder) value(n *yaml.Node, path string, p any) {
	switch p := p.(type) {
	case *bool:
		if n.Kind != yaml.ScalarNode || n.Tag != "!!bool" {
			d.fail(n, path, "want true or false")
			return
		}
		*p = strings.EqualFold(n.Value, "true")
	case *int:
		v, err := strconv.ParseInt(n.Value, 10, 32)
		if n.Kind != yaml.ScalarNode || n.Tag != "!!int" || err != nil {
			d.fail(n, path, "want a whole number")
			return
		}
		*p = int(v)
	case *string:
		if s, ok := d.text(n, path); ok {
			*p = s
		}
	case *[]string:
		list(d, n, path, p, (*decoder).text)
	case *[]netip.Prefix:
		list(d, n, path, p, (*decoder).prefix)
	case *[]IngressRule:
		list(d, n, path, p, (*decoder).rule)
	case *map[string]CommandSettings:
		d.commands(n, path, p)
	default:
		panic(fmt.Sprintf("config: no decoding of %T", p))
	}
}

func (d *decoder) text(n *yaml.Node, path string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag == "!!binary":
		d.fail(n, path, "want a text")
	case n.Tag == "!!null":
		return "", true
	case gateway.Printable(n.Value) != n.Value:
		d.fail(n, path, "contains a control character")
	default:
		return n.Value, true
	}
	return "", false
}

func (d *decoder) prefix(n *yaml.Node, path string) (netip.Prefix, bool) {
	if n.Kind == yaml.ScalarNode {
		if p, err := gateway.ParseNetwork(n.Value); err == nil {
			return p, true
		}
	}
	d.fail(n, path, "want an IP address or a network such as 10.0.0.0/8")
	return netip.Prefix{}, false
}

func (d *decoder) rule(n *yaml.Node, path string) (IngressRule, bool) {
	if n.Kind != yaml.SequenceNode || len(n.Content) != 3 {
		d.fail(n, path, "want [[FROM, …], [TO, …], ACTION]")
		return IngressRule{}, false
	}
	var r IngressRule
	list(d, n.Content[0], path+"[0]", &r.From, (*decoder).prefix)
	list(d, n.Content[1], path+"[1]", &r.To, (*decoder).prefix)
	action, _ := d.text(n.Content[2], path+"[2]")
	r.Action = RuleAction(action)
	if !slices.Contains([]RuleAction{RuleAllow, RuleDeny, RuleAllowExclusive}, r.Action) {
		d.fail(n.Content[2], path+"[2]", "want ALLOW, DENY or ALLOW-EXCLUSIVE")
		return r, false
	}
	return r, true
}

// list decodes a sequence. An absent value is an empty list; a single value
// that stands where a list is wanted is a problem, not a list of one.
func list[T any](d *decoder, n *yaml.Node, path string, into *[]T, item func(*decoder, *yaml.Node, string) (T, bool)) {
	null := n.Kind == yaml.ScalarNode && n.Tag == "!!null"
	if n.Kind != yaml.SequenceNode && !null {
		d.fail(n, path, "want a list: [a, b]")
		return
	}
	var items []T
	for i, e := range n.Content {
		p := path + "[" + strconv.Itoa(i) + "]"
		d.c.lines[p] = e.Line
		if v, ok := item(d, e, p); ok {
			items = append(items, v)
		}
	}
	*into = items
}

// suggest names the keys that an unknown one may have been meant to be, or where
// all of them are.
func suggest(key string) string {
	if why := elsewhere(key); why != "" {
		return why
	}
	near := nearest(key, Keys())
	if len(near) == 0 {
		return "docs/config.md has all keys"
	}
	return "did you mean " + strings.Join(near, " or ") + "?"
}

// nearest gives those of known that key may have been meant to be.
func nearest(key string, known []string) []string {
	var near []string
	for _, k := range known {
		if distance(strings.ToLower(k), strings.ToLower(key)) <= 1+len(k)/6 {
			near = append(near, k)
		}
	}
	return near
}

// distance is the number of insertions, removals and replacements of bytes
// between two words; unequal lengths beyond what matters are not compared.
func distance(a, b string) int {
	if d := len(a) - len(b); d > 8 || d < -8 {
		return 9
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, diagonal+1, row[j]+1)
		}
	}
	return row[len(b)]
}
