package main

import (
	"bufio"
	"errors"
	"io"
	"os"

	"gateway/protocols/netconf"
	"gateway/protocols/postgres"
	"gateway/recorder"
)

// recordingShowCmd lists what a session did.
type recordingShowCmd struct {
	recordingChoice `embed:""`
	NETCONF         bool `name:"netconf" help:"The rpcs of a NETCONF session, and what each edit-config changes."`
	SQL             bool `name:"sql" help:"The statements of a session with a database, how long each took, and what came of it."`
}

// Run lists.
func (c *recordingShowCmd) Run(g *globals) error { return c.run(g, os.Stdout) }

func (c *recordingShowCmd) run(g *globals, w io.Writer) error {
	if c.NETCONF == c.SQL {
		return usageError{errors.New("say what to show: either --netconf or --sql")}
	}
	f, err := c.open(g)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := recorder.NewReader(f)
	if err != nil {
		return err
	}
	list := netconf.List
	if c.SQL {
		list = postgres.List
	}
	out := bufio.NewWriter(w)
	return errors.Join(list(out, r), out.Flush())
}
