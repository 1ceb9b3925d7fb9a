package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"gateway"
	"gateway/protocols/netconf"
	"gateway/protocols/postgres"
	"gateway/recorder"
)

// recordingShowCmd lists what a session did.
type recordingShowCmd struct {
	recordingChoice `embed:""`
	NETCONF         bool `name:"netconf" xor:"what" help:"The rpcs of a NETCONF session, and what each edit-config changes."`
	SQL             bool `name:"sql" xor:"what" help:"The statements of a session with a database, how long each took, and what came of it."`
}

// Run lists.
func (c *recordingShowCmd) Run(g *globals) error { return c.run(g, os.Stdout) }

func (c *recordingShowCmd) run(g *globals, w io.Writer) error {
	f, err := c.open(g)
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := recorder.NewReader(f)
	if err != nil {
		return err
	}
	protocol := r.Header().Protocol
	out := bufio.NewWriter(w)
	switch {
	case protocol == gateway.NETCONF && !c.SQL:
		err = netconf.List(out, r)
	case protocol == gateway.Postgres && !c.NETCONF:
		err = postgres.List(out, r)
	default:
		return usageError{fmt.Errorf("that session spoke %s: gateway recording play shows it", protocol)}
	}
	return errors.Join(err, out.Flush())
}
