package config

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"

	"go.yaml.in/yaml/v3"

	"gateway"
)

// Setting is a key and its value, made of bool, int, string, lists and mappings of them.
type Setting struct {
	Key   string `json:"key"`
	Value any    `json:"value"`
}

// List returns every setting that is in force, in the order of the file.
func (c *Config) List() []Setting {
	var all []Setting
	for _, key := range Keys() {
		s, _ := c.Get(key)
		all = append(all, s)
	}
	return all
}

// Get returns one setting; commands.NAME and commands.NAME.SETTING are part of
// one. An unknown key is gateway.ErrNotFound.
func (c *Config) Get(key string) (Setting, error) {
	if path := strings.Split(key, "."); len(path) > 1 {
		return c.commandSetting(path)
	}
	f, ok := c.field(key)
	if !ok {
		return Setting{}, fmt.Errorf("key %s: %w; %s", gateway.Printable(key), gateway.ErrNotFound, suggest(key))
	}
	return Setting{Key: key, Value: plain(f.Interface())}, nil
}

// Text gives the value as config set takes it.
func (s Setting) Text() string {
	if t, ok := s.Value.(string); ok {
		return t
	}
	return s.yaml()
}

// String gives a line of the file.
func (s Setting) String() string { return s.Key + ": " + s.yaml() }

// yaml gives the value in one line of YAML.
func (s Setting) yaml() string {
	var n yaml.Node
	if err := n.Encode(s.Value); err != nil {
		panic(err) // plain gives only what YAML has a form for
	}
	n.Style = yaml.FlowStyle
	if n.Kind == yaml.ScalarNode {
		n.Style = 0
	}
	var b bytes.Buffer
	if err := yaml.NewEncoder(&b).Encode(&n); err != nil {
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

// MarshalJSON gives one object with every setting.
func (c *Config) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	for i, s := range c.List() {
		v, err := json.Marshal(s.Value)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%c%q:%s", "{,"[min(i, 1)], s.Key, v)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// plain turns a field's value into what both YAML and JSON have a form for.
func plain(v any) any {
	switch v := v.(type) {
	case []string:
		return append([]string{}, v...)
	case []netip.Prefix:
		return prefixTexts(v)
	case []IngressRule:
		rules := []any{}
		for _, r := range v {
			rules = append(rules, []any{prefixTexts(r.From), prefixTexts(r.To), string(r.Action)})
		}
		return rules
	case map[string]CommandSettings:
		commands := map[string]any{}
		for name, s := range v {
			if changed := s.changed(); len(changed) > 0 {
				commands[name] = changed
			}
		}
		return commands
	}
	return v
}

func prefixTexts(prefixes []netip.Prefix) []string {
	texts := []string{}
	for _, p := range prefixes {
		texts = append(texts, gateway.NetworkText(p))
	}
	return texts
}
