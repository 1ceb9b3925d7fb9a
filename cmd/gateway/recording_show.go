package main

import (
	"bufio"
	"errors"
	"io"
	"os"

	"gateway/protocols/netconf"
	"gateway/recorder"
)

// recordingShowCmd lists what a session did.
type recordingShowCmd struct {
	recordingChoice `embed:""`
	NETCONF         bool `name:"netconf" help:"The rpcs of a NETCONF session, and what each edit-config changes."`
}

// Run lists.
func (c *recordingShowCmd) Run(g *globals) error { return c.run(g, os.Stdout) }

func (c *recordingShowCmd) run(g *globals, w io.Writer) error {
	if !c.NETCONF {
		return usageError{errors.New("say what to show: --netconf")}
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
	out := bufio.NewWriter(w)
	return errors.Join(netconf.List(out, r), out.Flush())
}
