package osh

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway"
)

// outer is an option of a line that belongs to no command.
type outer struct {
	names   []string
	flag    func(p *parser)                 // an option without value, or
	value   func(p *parser, v string) error // one with a value, or
	refusal *gateway.Refusal                // one that is known and not offered,
	text    string                          // with the reason
	help    string                          // empty: not listed
	arg     string
	print   func(l Line) (value string, ok bool) // writes it back
}

// outputOptions may also stand among the options of a command.
func outputOptions() []outer {
	return []outer{
		{names: []string{"--json"}, help: "also answer as JSON",
			flag: func(p *parser) { p.line.JSON = JSON }, print: when(func(l Line) bool { return l.JSON == JSON })},
		{names: []string{"--json-pretty"}, help: "the same, indented",
			flag: func(p *parser) { p.line.JSON = JSONPretty }, print: when(func(l Line) bool { return l.JSON == JSONPretty })},
		{names: []string{"--json-greppable"}, help: "the same, in one line that starts with JSON_OUTPUT=",
			flag: func(p *parser) { p.line.JSON = JSONGreppable }, print: when(func(l Line) bool { return l.JSON == JSONGreppable })},
		{names: []string{"--quiet", "-q"}, help: "print the answer only",
			flag: func(p *parser) { p.line.Quiet = true }, print: when(func(l Line) bool { return l.Quiet })},
		{names: []string{"--verbose"}, help: "accepted: what is to be said is said anyway",
			flag: func(p *parser) { p.line.Verbose = true }, print: when(func(l Line) bool { return l.Verbose })},
		{names: []string{"--debug"}, help: "the same; whyAccess shows how it was decided",
			flag: func(p *parser) { p.line.Debug = true }, print: when(func(l Line) bool { return l.Debug })},
		{names: []string{"--help"}, help: "this help, or that of a command",
			flag: func(p *parser) { p.line.Help = true }, print: when(func(l Line) bool { return l.Help && !l.LongHelp })},
		{names: []string{"--long-help"}, help: "the same, with examples",
			flag: func(p *parser) { p.line.Help, p.line.LongHelp = true, true }, print: when(func(l Line) bool { return l.LongHelp })},
		{names: []string{"--tty", "-t"}, help: "ask for a terminal at the target",
			flag: func(p *parser) { p.tty(TTYForce) }, print: when(func(l Line) bool { return l.TTY == TTYForce })},
		{names: []string{"--no-tty", "-T"}, help: "don't",
			flag: func(p *parser) { p.tty(TTYNever) }, print: when(func(l Line) bool { return l.TTY == TTYNever })},
	}
}

// outerOptions is every option that a line may hold outside of a command.
func outerOptions() []outer {
	return slices.Concat(outputOptions(), targetOptions(), passwordOptions(), notOffered())
}

func targetOptions() []outer {
	return []outer{
		{names: []string{"--interactive", "-i"}, help: "the gateway's own prompt",
			flag: func(p *parser) { p.interactive = true }},
		{names: []string{"--host", "-h"}, arg: "HOST", help: "target host, instead of [user@]host",
			value: func(p *parser, v string) error { return setText(&p.host, v, gateway.RefusalRemoteHost, "the host") }},
		{names: []string{"--user", "-u", "-l"}, arg: "USER", help: "login at the target",
			value: func(p *parser, v string) error {
				return setText(&p.user, v, gateway.RefusalRemoteUser, "the remote user")
			},
			print: func(l Line) (string, bool) { return l.User, l.User != "" }},
		{names: []string{"--port", "-p"}, arg: "PORT", help: "port of the target, 22 if not given",
			value: func(p *parser, v string) error { return setText(&p.port, v, gateway.RefusalPort, "the port") },
			print: func(l Line) (string, bool) { return strconv.Itoa(int(l.Port)), l.Port != 0 }},
		{names: []string{"--timeout"}, arg: "SECONDS", help: "give up connecting after that long",
			value: setTimeout,
			print: func(l Line) (string, bool) { return strconv.Itoa(int(l.Timeout / time.Second)), l.Timeout != 0 }},
		{names: []string{"--bind"}, arg: "IP", help: "connect from that address of the gateway",
			value: setBind,
			print: func(l Line) (string, bool) { return l.Bind.String(), l.Bind.IsValid() }},
		{names: []string{"-J"}, arg: "[USER@]HOST[:PORT]", help: "go through that jump host of the target's side",
			value: setJump,
			print: func(l Line) (string, bool) { return jumpText(l.Jump), l.Jump != (gateway.Target{}) }},
		{names: []string{"--telnet", "-e"}, help: "telnet instead of SSH; its port is 23",
			flag: func(p *parser) { p.protocol(gateway.Telnet) }, print: when(func(l Line) bool { return l.Protocol == gateway.Telnet })},
		{names: []string{"--netconf"}, help: "NETCONF instead of a shell; its port is 830",
			flag: func(p *parser) { p.protocol(gateway.NETCONF) }, print: when(func(l Line) bool { return l.Protocol == gateway.NETCONF })},
		{names: []string{"--use-key"}, arg: "FINGERPRINT", help: "try only that egress key",
			value: setKey,
			print: func(l Line) (string, bool) { return l.UseKey, l.UseKey != "" }},
		{names: []string{"--ssh-as"}, arg: "ACCOUNT", help: "connect as that account, for administrators",
			value: setSSHAs,
			print: func(l Line) (string, bool) { return l.SSHAs, l.SSHAs != "" }},
		{names: []string{"--wait"}, help: "wait until the target's port opens",
			flag: func(p *parser) { p.line.Wait = true }, print: when(func(l Line) bool { return l.Wait })},
		{names: []string{"--always-escape"}, help: "accepted: remote commands are passed on as they are",
			flag: func(p *parser) { p.line.AlwaysEscape = true }, print: when(func(l Line) bool { return l.AlwaysEscape })},
		{names: []string{"--never-escape"}, help: "the same",
			flag: func(p *parser) { p.line.NeverEscape = true }, print: when(func(l Line) bool { return l.NeverEscape })},
	}
}

// notOffered are options of The Bastion that this gateway knows and does not
// serve: a script learns at once, and with the code it expects.
func notOffered() []outer {
	return []outer{
		refused(107, "FORWARD_AGENT_DENIED", "agent forwarding is not offered by this gateway", "--forward-agent", "-x"),
		refused(125, "MFA_FAILED", "second factors are not offered by this gateway",
			"--proactive-mfa", "--generate-mfa-token", "--mfa-token"),
	}
}

func refused(code int, name, text string, names ...string) outer {
	return outer{names: names, refusal: &gateway.Refusal{Code: code, Name: name}, text: text}
}

func when(is func(Line) bool) func(Line) (string, bool) {
	return func(l Line) (string, bool) { return "", is(l) }
}

func findOuter(opts []outer, flag string) (outer, bool) {
	for _, o := range opts {
		if slices.Contains(o.names, flag) {
			return o, true
		}
	}
	return outer{}, false
}

func outerNames() []string {
	var names []string
	for _, o := range outerOptions() {
		names = append(names, o.names...)
	}
	return append(names, "--osh")
}

func setText(field *string, v string, r gateway.Refusal, what string) error {
	if v == "" {
		return refuse(r, "%s is empty", what)
	}
	*field = v
	return nil
}

func setSSHAs(p *parser, v string) error {
	if gateway.CheckAccountName(v) != nil {
		return refuse(gateway.RefusalSSHAs, "--ssh-as wants the name of an account")
	}
	p.line.SSHAs = v
	return nil
}

func setTimeout(p *parser, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 86400 {
		return refuse(gateway.RefusalOptions, "--timeout wants seconds, from 1 to 86400")
	}
	p.line.Timeout = time.Duration(n) * time.Second
	return nil
}

func setBind(p *parser, v string) error {
	a, err := netip.ParseAddr(v)
	if err != nil || a.Zone() != "" {
		return refuse(gateway.RefusalBind, "--bind wants an IP address")
	}
	p.line.Bind = a.Unmap()
	return nil
}

func setKey(p *parser, v string) error {
	if v == "" || len(v) > 128 || strings.ContainsFunc(v, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return refuse(gateway.RefusalOptions, "--use-key wants a fingerprint such as SHA256:…")
	}
	p.line.UseKey = v
	return nil
}
