package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"gateway"
)

// CommandSettings are the settings of one command. Each zero value changes
// nothing.
type CommandSettings struct {
	// Nobody may run the command.
	Disabled bool `yaml:"disabled"`
	// The second factor that is asked for before it runs: none, any, password or totp.
	MFARequired string `yaml:"mfa_required"`
	// The shortest IPv4 prefix of an access that is added: 0 (any) to 32.
	WidestV4Prefix int `yaml:"widest_v4_prefix"`
	// The shortest IPv6 prefix of an access that is added: 0 (any) to 128.
	WidestV6Prefix int `yaml:"widest_v6_prefix"`
	// Only accesses whose remote user has the name of the account are added. Rights to transfer
	// files are no logins, and not meant.
	SelfRemoteUserOnly bool `yaml:"self_remote_user_only"`
	// The shortest password that the command makes: 8 to 128.
	MinPasswordSize int `yaml:"minPasswordSize"`
	// Administrators are told about the node: system, uptime, load, memory.
	AdminShowSystemInfo bool `yaml:"admin_show_system_info"`
	// A hint of the day ends the answer.
	ShowFortune bool `yaml:"show_fortune"`
}

// Command is a command that may have settings.
type Command struct {
	Name     string
	Aliases  []string // also accepted in the file
	Settings []string // which keys it has, besides those of every command
}

// has says whether the command has the setting.
func (cmd Command) has(key string) bool { return slices.Contains(cmd.keys(), key) }

// keys names what the command has to set.
func (cmd Command) keys() []string {
	return append([]string{"disabled", "mfa_required"}, cmd.Settings...)
}

// changed gives the settings that are not as they are by default.
func (s CommandSettings) changed() map[string]any {
	changed := map[string]any{}
	v := reflect.ValueOf(s)
	for f := range fields(v.Type()) {
		if field := v.FieldByIndex(f.Index); !field.IsZero() {
			changed[f.Tag.Get("yaml")] = field.Interface()
		}
	}
	return changed
}

// command finds a command by its name or an older one.
func (c *Config) command(name string) (Command, bool) {
	i := slices.IndexFunc(c.known, func(cmd Command) bool { return cmd.Name == name || slices.Contains(cmd.Aliases, name) })
	if i < 0 {
		return Command{}, false
	}
	return c.known[i], true
}

// unknownCommand says why there is no such command.
func (c *Config) unknownCommand(name string) string {
	var names []string
	for _, cmd := range c.known {
		names = append(names, cmd.Name)
	}
	text := "unknown command " + gateway.Printable(name)
	if near := nearest(name, names); len(near) > 0 {
		return text + "; did you mean " + strings.Join(near, " or ") + "?"
	}
	return text + "; --osh help lists the commands"
}

// unknownSetting says why a command has no such setting.
func (cmd Command) unknownSetting(key string) string {
	return fmt.Sprintf("the command %s has no setting %s; it has %s", cmd.Name, gateway.Printable(key), strings.Join(cmd.keys(), ", "))
}

// commands decodes {NAME: {SETTING: VALUE, …}, …}.
func (d *decoder) commands(n *yaml.Node, path string, into *map[string]CommandSettings) {
	if !d.isMapping(n, path, "{COMMAND: {SETTING: VALUE}}") {
		return
	}
	all := map[string]CommandSettings{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		cmd, ok := d.c.command(key.Value)
		if !ok {
			d.fail(key, path, "%s", d.c.unknownCommand(key.Value))
			continue
		}
		name := path + "." + cmd.Name
		if first := d.c.lines[name]; first != 0 {
			d.fail(key, "", "key %s is here for the second time, first in line %d", name, first)
			continue
		}
		d.c.lines[name] = key.Line
		if !d.isMapping(value, name, "{SETTING: VALUE}") {
			continue
		}
		var s CommandSettings
		d.mapping(value, name+".", s.settings(cmd))
		if len(s.changed()) > 0 {
			all[cmd.Name] = s
		}
	}
	*into = all
}

// settings finds the fields of s that cmd has.
func (s *CommandSettings) settings(cmd Command) func(key string) (string, any, string) {
	return func(key string) (string, any, string) {
		f, ok := field(reflect.ValueOf(s).Elem(), key)
		if !ok || !cmd.has(key) {
			return "", nil, cmd.unknownSetting(key)
		}
		return key, f.Addr().Interface(), ""
	}
}

// isMapping accepts an absent value as an empty mapping.
func (d *decoder) isMapping(n *yaml.Node, path, form string) bool {
	if n.Kind == yaml.MappingNode || n.Kind == yaml.ScalarNode && n.Tag == "!!null" {
		return true
	}
	d.fail(n, path, "want a mapping: %s", form)
	return false
}

// part finds what commands.NAME or commands.NAME.SETTING names; setting is
// empty for the first form.
func (c *Config) part(path []string) (cmd Command, setting string, err error) {
	unknown := func(text string) (Command, string, error) {
		return cmd, "", fmt.Errorf("key %s: %w; %s", gateway.Printable(strings.Join(path, ".")), gateway.ErrNotFound, text)
	}
	if path[0] != "commands" || len(path) > 3 {
		return unknown("only commands.NAME.SETTING is written with dots")
	}
	cmd, ok := c.command(path[1])
	if !ok {
		return unknown(c.unknownCommand(path[1]))
	}
	if len(path) == 2 {
		return cmd, "", nil
	}
	if !cmd.has(path[2]) {
		return unknown(cmd.unknownSetting(path[2]))
	}
	return cmd, path[2], nil
}

// commandSetting returns one setting of a command, or all that it has.
func (c *Config) commandSetting(path []string) (Setting, error) {
	cmd, setting, err := c.part(path)
	if err != nil {
		return Setting{}, err
	}
	s := c.Commands[cmd.Name]
	all := map[string]any{}
	for _, key := range cmd.keys() {
		f, _ := field(reflect.ValueOf(&s).Elem(), key)
		all[key] = f.Interface()
	}
	result := Setting{Key: "commands." + cmd.Name, Value: all}
	if setting != "" {
		result = Setting{Key: result.Key + "." + setting, Value: all[setting]}
	}
	return result, nil
}

// withCommand changes what path names, which exists.
func (d *decoder) withCommand(path []string, value string) {
	cmd, setting, _ := d.c.part(path)
	at := "commands." + cmd.Name
	s := d.c.Commands[cmd.Name]
	if setting == "" {
		s = CommandSettings{}
		if n := valueNode(d.c.Commands, value); d.isMapping(n, at, "{SETTING: VALUE}") {
			d.mapping(n, at+".", s.settings(cmd))
		}
	} else {
		_, f, _ := s.settings(cmd)(setting)
		d.value(valueNode(reflect.ValueOf(f).Elem().Interface(), value), at+"."+setting, f)
	}
	if d.c.Commands == nil {
		d.c.Commands = map[string]CommandSettings{}
	}
	d.c.Commands[cmd.Name] = s
}

// commands checks the values that have a range.
func (v *validator) commands() {
	for _, name := range slices.Sorted(maps.Keys(v.c.Commands)) {
		s := v.c.Commands[name]
		at := "commands." + name + "."
		if s.MFARequired != "" {
			v.oneOf(at+"mfa_required", s.MFARequired, "none", "any", "password", "totp")
		}
		v.between(at+"widest_v4_prefix", s.WidestV4Prefix, 0, 32)
		v.between(at+"widest_v6_prefix", s.WidestV6Prefix, 0, 128)
		if s.MinPasswordSize != 0 {
			v.between(at+"minPasswordSize", s.MinPasswordSize, gateway.MinPasswordSize, gateway.MaxPasswordSize)
		}
	}
}
