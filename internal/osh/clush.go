package osh

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"gateway"
)

// Clush is the request of clush.
type Clush struct {
	List             string `opt:"list" arg:"HOST,HOST" required:"true" help:"the hosts, names or addresses, with commas between them"`
	Command          string `opt:"command" arg:"COMMAND" required:"true" help:"the remote command, in quotes"`
	User             string `opt:"user,u,l" arg:"USER" help:"login at the hosts"`
	Port             string `opt:"port,p" arg:"PORT" help:"port of the hosts, 22 if not given"`
	StepByStep       bool   `opt:"step-by-step" help:"ask before each host"`
	NoPauseOnFailure bool   `opt:"no-pause-on-failure" help:"go on after a failure without asking"`
	NoConfirm        bool   `opt:"no-confirm" help:"don't ask before the first host"`
}

// ClushPlan is what the monitor answers to clush: the hosts in order, each
// once. Scripts see what became of them.
type ClushPlan struct {
	Hosts []string
	Port  uint16
}

// ClushHost is what became of one host.
type ClushHost struct {
	Stderr []string `json:"stderr"`
	Stdout []string `json:"stdout"`
	Sysret int      `json:"sysret"`
}

// Bounds of the output that is kept until the end.
const (
	maxClushHost = 1 << 20 // of each stream of each host
	maxClushAll  = 16 << 20
)

func clushCommand() *Command {
	return &Command{
		Name:     "clush",
		Category: Open,
		Summary:  "run a remote command on one host after the other",
		Long: "Each host is a connection like any other: decided, recorded, listed. The remote command gets no input. " +
			"Before the first host, and after a host where it failed, you are asked whether to go on.",
		Examples: []string{"clush --list web1.example,192.0.2.7 --user root --command uptime"},
		New:      func() any { return new(Clush) },
		Local:    clushLocal,
	}
}

func clushLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r, err := run(ctx, req)
	if err != nil || r.Exit != 0 {
		return r, err
	}
	var plan ClushPlan
	if err := json.Unmarshal(r.Value, &plan); err != nil {
		return Result{}, fmt.Errorf("read the list of hosts: %w", err)
	}
	if env.Connect == nil {
		return Fail("clush", "ERR_NOT_SUPPORTED", "there are no connections here: use it over ssh", nil), nil
	}
	env.editor()
	c := &clush{env: env, req: req.(*Clush), plan: plan, room: &room{left: maxClushAll}, value: map[string]ClushHost{}}
	writeText(env.Err, fmt.Sprintf("To be run on %s: %s\n", counted(len(plan.Hosts), "host"), c.req.Command))
	if !c.req.NoConfirm && !env.yes("Start?") {
		return Fail("clush", "ERR_CANCELLED", "nothing was run: it was not confirmed", nil), nil
	}
	c.all(ctx)
	return OK("clush", "OK", c.message(), c.value), nil
}

// clush is a run over several hosts, as far as it has come.
type clush struct {
	env   *Env
	req   *Clush
	plan  ClushPlan
	room  *room
	value map[string]ClushHost
	bad   int      // hosts where it failed
	cut   []string // hosts whose output is not all in value
}

// all runs the command on the hosts, as long as nobody objects.
func (c *clush) all(ctx context.Context) {
	for i, host := range c.plan.Hosts {
		if c.req.StepByStep && !c.env.yes("Run it on "+host+"?") {
			return
		}
		writeText(c.env.Err, fmt.Sprintf("--- %s (%d of %d)\n", host, i+1, len(c.plan.Hosts)))
		code := c.host(ctx, host)
		if ctx.Err() != nil {
			return
		}
		if code == 0 {
			continue
		}
		c.bad++
		writeText(c.env.Err, fmt.Sprintf("--- %s: exit status %d\n", host, code))
		last := i == len(c.plan.Hosts)-1
		if !last && !c.req.NoPauseOnFailure && !c.env.yes("Go on with the next host?") {
			return
		}
	}
}

// host runs the command on one host.
func (c *clush) host(ctx context.Context, host string) int {
	out := &capture{w: c.env.Out, room: c.room, max: maxClushHost}
	errOut := &capture{w: c.env.Err, room: c.room, max: maxClushHost}
	env := c.env.deaf()
	env.Out, env.Err = out, errOut
	code := env.Connect(ctx, env, Line{
		Action: Connect, Host: host, User: c.req.User, Port: c.plan.Port, Remote: c.req.Command, TTY: TTYNever, Quiet: true, SSHAs: c.env.as,
	})
	if out.cut() || errOut.cut() {
		c.cut = append(c.cut, host)
	}
	c.value[host] = ClushHost{Stdout: out.lines(), Stderr: errOut.lines(), Sysret: code}
	return code
}

func (c *clush) message() string {
	m := fmt.Sprintf("It was run on %d of %s, and failed on %d.", len(c.value), counted(len(c.plan.Hosts), "host"), c.bad)
	if len(c.cut) > 0 {
		m += fmt.Sprintf(" Not all of the output is in this answer of: %s.", strings.Join(c.cut, ", "))
	}
	return gateway.Printable(m)
}
