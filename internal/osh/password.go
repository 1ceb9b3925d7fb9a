package osh

import (
	"regexp"
	"strconv"
	"time"

	"gateway"
)

// protocol notes what is to be spoken instead of SSH.
func (p *parser) protocol(want gateway.Protocol) {
	p.bothProtocols = p.bothProtocols || p.line.Protocol != "" && p.line.Protocol != want
	p.line.Protocol = want
}

// passwordOptions are about logins with more than keys.
func passwordOptions() []outer {
	return []outer{
		{names: []string{"--password"}, arg: "GROUP", help: "log in with the egress password of that group",
			value: setPasswordGroup,
			print: func(l Line) (string, bool) { return l.Password.Group, l.Password.Group != "" }},
		{names: []string{"--self-password", "-P"}, help: "log in with your own egress password",
			flag: func(p *parser) { p.line.Password.Self = true }, print: when(func(l Line) bool { return l.Password.Self })},
		{names: []string{"--enable"}, help: "then the second password that the device's profile has (enable, su): the same once more",
			flag: func(p *parser) { p.line.Enable = true }, print: when(func(l Line) bool { return l.Enable && !l.EnablePassword.Asked() })},
		{names: []string{"--enable-password"}, arg: "GROUP", help: "the same, with the egress password of that group",
			value: setEnableGroup,
			print: func(l Line) (string, bool) { return l.EnablePassword.Group, l.EnablePassword.Group != "" }},
		{names: []string{"--enable-self-password"}, help: "the same, with your own egress password",
			flag:  func(p *parser) { p.line.Enable, p.line.EnablePassword.Self = true, true },
			print: when(func(l Line) bool { return l.EnablePassword.Self })},
		{names: []string{"--fallback-password-delay"}, arg: "SECONDS", help: "between two passwords, 3 if not given",
			value: setFallbackDelay,
			print: func(l Line) (string, bool) {
				return strconv.Itoa(int(l.FallbackDelay / time.Second)), l.FallbackDelay != 0
			}},
		{names: []string{"--term-passthrough"}, help: "with a password too, tell the device your type of terminal",
			flag: func(p *parser) { p.line.TermPassthrough = true }, print: when(func(l Line) bool { return l.TermPassthrough })},
		{names: []string{"--kbd-interactive"}, help: "answer what the target asks besides a key",
			flag: func(p *parser) { p.line.KeyboardInteractive = true }, print: when(func(l Line) bool { return l.KeyboardInteractive })},
	}
}

func setPasswordGroup(p *parser, v string) error {
	if err := gateway.CheckGroupName(v); err != nil {
		return refuse(gateway.RefusalOptions, "--password wants the name of a group")
	}
	p.line.Password.Group = v
	return nil
}

func setEnableGroup(p *parser, v string) error {
	if err := gateway.CheckGroupName(v); err != nil {
		return refuse(gateway.RefusalOptions, "--enable-password wants the name of a group")
	}
	p.line.Enable, p.line.EnablePassword.Group = true, v
	return nil
}

func setFallbackDelay(p *parser, v string) error {
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > 300 {
		return refuse(gateway.RefusalOptions, "--fallback-password-delay wants seconds, from 1 to 300")
	}
	p.line.FallbackDelay = time.Duration(n) * time.Second
	return nil
}

// fallbackDelay is the pause between two passwords when none is given.
const fallbackDelay = 3 * time.Second

// passwordLogin is an older way to ask for a login with a password: in the name
// of the remote user, with a group that is otherwise named like the user.
var passwordLogin = regexp.MustCompile(`^(ssh|telnet)-passw(?:or)?d-([^-]+)(?:-(.+))?$`)

// password checks what was asked for together, and reads the older way.
func (p *parser) password() error {
	l := &p.line
	if m := passwordLogin.FindStringSubmatch(l.User); m != nil && !l.Password.Asked() {
		l.User, l.Password.Group = m[2], m[3]
		if m[3] == "" {
			l.Password.Group = m[2]
		}
		if m[1] == "telnet" {
			p.protocol(gateway.Telnet)
		}
		if err := gateway.CheckGroupName(l.Password.Group); err != nil {
			return refuse(gateway.RefusalRemoteUser, "remote user %q names no group with a password", gateway.Printable(clip(m[0])))
		}
	}
	if l.Password.Asked() && l.FallbackDelay == 0 {
		l.FallbackDelay = fallbackDelay
	}
	switch conflict := func(what string) error { return refuse(gateway.RefusalConflictOptions, "%s exclude each other", what) }; {
	case p.bothProtocols:
		return conflict("--telnet and --netconf")
	case l.Password.Self && l.Password.Group != "":
		return conflict("--password and --self-password")
	case l.Password.Asked() && l.UseKey != "":
		return conflict("a login with a password and --use-key")
	case l.Password.Asked() && l.KeyboardInteractive:
		return conflict("a login with a password and --kbd-interactive")
	case l.Protocol == gateway.Telnet && l.KeyboardInteractive:
		return conflict("--telnet and --kbd-interactive")
	case l.Jump != (gateway.Target{}) && (l.Password.Asked() || l.Protocol == gateway.Telnet):
		return conflict("-J and a login with a password, or telnet,")
	case l.Protocol == gateway.NETCONF && l.Remote != "":
		return conflict("--netconf and a remote command")
	case l.EnablePassword.Self && l.EnablePassword.Group != "":
		return conflict("--enable-password and --enable-self-password")
	case l.Enable && l.Protocol == gateway.NETCONF:
		return conflict("--enable and --netconf")
	case l.Enable && l.Remote != "":
		return refuse(gateway.RefusalConflictOptions, "--enable is for a shell: type the command after the login, or send it as input")
	case l.Enable && !l.Password.Asked() && l.Protocol == gateway.Telnet:
		return refuse(gateway.RefusalConflictOptions, "--enable over telnet needs a login with --password or --self-password")
	case l.Enable && !l.Password.Asked() && !l.EnablePassword.Asked():
		return refuse(gateway.RefusalConflictOptions, "--enable after a login with keys needs to know whose password: --enable-password or --enable-self-password")
	case l.Protocol == gateway.Telnet && l.Remote != "":
		return refuse(gateway.RefusalConflictOptions, "telnet runs no remote command: type it after the login, or send it as input")
	}
	return nil
}
