package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"

	"gateway"
)

// Set changes one setting in the file at path and leaves every other line as
// it is. The value is YAML; a list may also be written a,b,c, and a text is
// taken as it is. Nothing is written unless the result is a good file.
// commands are those that may have settings.
func Set(path string, commands []Command, key, value string) error {
	path, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	unlock, err := lockFolder(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer unlock()
	data, _, err := readFile(path)
	if err != nil {
		return err
	}
	edited, err := edit(data, commands, key, value)
	if err != nil {
		return err
	}
	return replaceFile(path, edited)
}

// AtStartOnly reports whether a running gateway does not take up a change of
// the setting.
func AtStartOnly(key string) bool {
	switch key {
	case "listen", "auditFile", "enableSyslog", "syslogAddress", "syslogFacility", "syslogDescription":
		return true
	}
	return false
}

// edit works on the lines, not on a re-encoded tree: that would lose the
// comments of a file in which everything is commented out, and blank lines.
func edit(data []byte, commands []Command, key, value string) ([]byte, error) {
	before, err := parse(data, commands)
	if err != nil {
		return nil, fmt.Errorf("the file must be good before it is changed: %w", err)
	}
	setting, err := before.with(key, value)
	if err != nil {
		return nil, err
	}
	root, err := topMapping(data)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
	edited := []byte(strings.TrimLeft(strings.Join(replace(lines, root, setting), "\n")+"\n", "\n"))

	// Whatever the lines looked like: the file now says this and only this else.
	after, err := parse(edited, commands)
	if err != nil {
		return nil, err
	}
	for _, s := range after.List() {
		want, _ := before.Get(s.Key)
		if s.Key == setting.Key {
			want = setting
		}
		if s.String() != want.String() {
			return nil, fmt.Errorf("%w: the file is laid out in a way that can't be changed line by line; edit it by hand", gateway.ErrConflict)
		}
	}
	return edited, nil
}

// with returns the setting that would be changed, as it would be.
func (c *Config) with(key, value string) (Setting, error) {
	if _, err := c.Get(key); err != nil {
		return Setting{}, err
	}
	next := *c
	next.lines, next.Commands = map[string]int{}, maps.Clone(c.Commands)
	d := decoder{c: &next}
	if path := strings.Split(key, "."); len(path) > 1 {
		d.withCommand(path, value)
		key = path[0]
	} else {
		field, _ := next.field(key)
		d.value(valueNode(field.Interface(), value), key, field.Addr().Interface())
	}
	for i, err := range d.problems {
		p := err.(Problem)
		p.Line = 0 // it is a line of the value, not of the file
		d.problems[i] = p
	}
	next.lines = nil
	if err := errors.Join(append(d.problems, next.problems()...)...); err != nil {
		return Setting{}, err
	}
	return next.Get(key)
}

// valueNode reads what was typed as a value for a field.
func valueNode(field any, value string) *yaml.Node {
	text := func(s string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: s} }
	if _, ok := field.(string); ok {
		return text(value)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(value), &doc); err == nil && len(doc.Content) == 1 {
		if n := doc.Content[0]; n.Kind != yaml.ScalarNode || !isList(field) {
			return n
		}
	}
	if _, ok := field.(map[string]CommandSettings); ok || !isList(field) {
		return text(value)
	}
	seq := &yaml.Node{Kind: yaml.SequenceNode}
	for item := range strings.SplitSeq(value, ",") {
		if item = strings.TrimSpace(item); item != "" {
			seq.Content = append(seq.Content, text(item))
		}
	}
	return seq
}

func isList(field any) bool {
	switch field.(type) {
	case bool, int, string:
		return false
	}
	return true
}

// replace puts the setting where its key is, below the comment that shows its
// default, or at the end. Comments inside a replaced value move above it.
func replace(lines []string, root *yaml.Node, s Setting) []string {
	if root != nil {
		for i := 0; i+1 < len(root.Content); i += 2 {
			if root.Content[i].Value != s.Key {
				continue
			}
			start, end := root.Content[i].Line-1, len(lines)
			if i+2 < len(root.Content) {
				end = root.Content[i+2].Line - 1
			}
			for end > start+1 && blankOrComment(lines[end-1]) {
				end--
			}
			line := s.String()
			if c := root.Content[i+1].LineComment; c != "" {
				line += " " + c
			}
			var kept []string
			for _, l := range lines[start+1 : end] {
				if strings.HasPrefix(strings.TrimSpace(l), "#") {
					kept = append(kept, strings.TrimSpace(l))
				}
			}
			return slices.Replace(lines, start, end, append(kept, line)...)
		}
	}
	for i, l := range lines {
		if strings.HasPrefix(l, "#"+s.Key+":") {
			return slices.Insert(lines, i+1, s.String())
		}
	}
	return append(lines, s.String())
}

func blankOrComment(line string) bool {
	line = strings.TrimSpace(line)
	return line == "" || line[0] == '#'
}

// lockFolder keeps two changes at the same time from losing one of them.
func lockFolder(dir string) (unlock func(), err error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	return func() { f.Close() }, nil
}

// replaceFile puts data in the place of the file at once, with its mode and
// owner: a reader sees the old or the new one, also after a power failure.
func replaceFile(path string, data []byte) (err error) {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(data); err != nil {
		return err
	}
	if st := info.Sys().(*syscall.Stat_t); int(st.Uid) != os.Geteuid() || int(st.Gid) != os.Getegid() {
		if err := f.Chown(int(st.Uid), int(st.Gid)); err != nil {
			return err
		}
	}
	if err := f.Chmod(info.Mode().Perm()); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	defer dir.Close()
	return dir.Sync()
}
