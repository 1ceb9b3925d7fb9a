package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"gateway"
	"gateway/internal/config"
	"gateway/internal/store/sqlite"
)

// configCmd reads and changes gateway.yaml in place.
type configCmd struct {
	Get  configGetCmd  `cmd:"" help:"Print the value of a setting that is in force."`
	Set  configSetCmd  `cmd:"" help:"Change a setting in gateway.yaml; comments stay."`
	List configListCmd `cmd:"" help:"Print every setting that is in force."`
}

type configGetCmd struct {
	Key  string `arg:"" help:"The setting, such as listen or commands.ping.disabled."`
	JSON bool   `name:"json" help:"Print JSON."`
}

type configSetCmd struct {
	Key   string `arg:"" help:"The setting, such as adminAccounts or commands.ping.disabled."`
	Value string `arg:"" help:"Its value as YAML; a list may be written a,b,c."`
}

type configListCmd struct {
	JSON bool `name:"json" help:"Print one JSON object a line."`
}

// checkCmd validates gateway.yaml and prints what is in force.
type checkCmd struct {
	JSON bool `name:"json" help:"Print one JSON object."`
}

func configPath(g *globals) string { return filepath.Join(g.Data, config.FileName) }

// Run prints one setting.
func (c *configGetCmd) Run(g *globals) error {
	conf, err := config.LoadFile(configPath(g), knownCommands())
	if err != nil {
		return err
	}
	s, err := conf.Get(c.Key)
	if err != nil {
		return err
	}
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(s.Value)
	}
	_, err = fmt.Println(s.Text())
	return err
}

// Run changes one setting.
func (c *configSetCmd) Run(g *globals) error {
	if err := config.Set(configPath(g), knownCommands(), c.Key, c.Value); err != nil {
		return err
	}
	if config.AtStartOnly(c.Key) && serving(folder(g.Data)) {
		fmt.Fprintf(os.Stderr, "%s is taken up at start only: restart the gateway\n", c.Key)
	}
	conf, err := config.LoadFile(configPath(g), knownCommands())
	if err != nil {
		return err
	}
	warn(folder(g.Data), conf)
	return nil
}

// serving reports whether a gateway runs on the folder.
func serving(f folder) bool {
	conn, err := dialLocal(f)
	if err != nil {
		return false
	}
	conn.Close()
	return true
}

// warn tells of what is allowed and hardly meant.
func warn(f folder, conf *config.Config) {
	for _, text := range strangers(f, conf) {
		fmt.Fprintln(os.Stderr, "warning: "+text)
	}
}

// strangers are the accounts that settings name and that do not exist: whoever
// creates one makes an administrator.
func strangers(f folder, conf *config.Config) []string {
	known, err := sqlite.AccountNames(context.Background(), f.store())
	if err != nil {
		return []string{"the accounts can't be read: " + err.Error()}
	}
	var found []string
	for _, list := range []struct {
		key   string
		names []string
	}{
		{"adminAccounts", conf.AdminAccounts}, {"superOwnerAccounts", conf.SuperOwnerAccounts},
		{"alwaysActiveAccounts", conf.AlwaysActiveAccounts},
	} {
		for _, name := range list.names {
			if !slices.Contains(known, name) {
				found = append(found, fmt.Sprintf("%s names %s, which is no account", list.key, name))
			}
		}
	}
	return found
}

// Run prints every setting.
func (c *configListCmd) Run(g *globals) error {
	conf, err := config.LoadFile(configPath(g), knownCommands())
	if err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for _, s := range conf.List() {
		if c.JSON {
			err = out.Encode(s)
		} else {
			_, err = fmt.Println(s)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Run says what is wrong, or what is in force.
func (c *checkCmd) Run(g *globals) error {
	conf, err := config.LoadFile(configPath(g), knownCommands())
	if err != nil {
		return err
	}
	for _, found := range programFindings(folder(g.Data), conf) {
		if !found.OK {
			return fmt.Errorf("%s: %w", found.Detail, gateway.ErrInvalid)
		}
	}
	warn(folder(g.Data), conf)
	if c.JSON {
		return json.NewEncoder(os.Stdout).Encode(conf)
	}
	return (&configListCmd{}).Run(g)
}
