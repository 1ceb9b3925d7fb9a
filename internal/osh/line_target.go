package osh

import (
	"net/netip"
	"strconv"
	"strings"

	"gateway"
)

// connects replaces a command that stands for a connection.
func (p *parser) connects() error {
	cmd, ok := Lookup(p.line.Command)
	if !ok || p.line.Help {
		return nil
	}
	req := cmd.New()
	c, ok := req.(connection)
	if !ok {
		return nil
	}
	if err := parseArgs(req, p.line.Args); err != nil {
		return refuse(gateway.RefusalOptions, "%v; --osh %s --help shows the options", err, cmd.Name)
	}
	if line, ok := c.line(p.line); ok {
		if !validHost(line.Host) {
			return refuse(gateway.RefusalRemoteHost, "%q is not the name of a database", gateway.Printable(clip(line.Host)))
		}
		p.line = line
	}
	return nil
}

// target checks [user@]host and the port.
func (p *parser) target() error {
	l := &p.line
	l.User, l.Host = p.user, p.host
	if i := strings.LastIndexByte(p.host, '@'); i >= 0 {
		l.User, l.Host = p.host[:i], p.host[i+1:]
		if p.user != "" && p.user != l.User {
			return refuse(gateway.RefusalConflictOptions, "two different remote users are given")
		}
		if l.User == "" {
			return refuse(gateway.RefusalRemoteUser, "the remote user is empty")
		}
	}
	if n := len(l.Host); n > 2 && l.Host[0] == '[' && l.Host[n-1] == ']' {
		l.Host = l.Host[1 : n-1]
	}
	if l.User != "" && !validUser(l.User) {
		return refuse(gateway.RefusalRemoteUser, "remote user %q is not valid", gateway.Printable(clip(l.User)))
	}
	if name, _, ok := strings.Cut(l.Host, ":"); ok && validHost(name) && !validHost(l.Host) {
		return refuse(gateway.RefusalRemoteHost, "remote host %q is not valid: the port goes into --port", gateway.Printable(clip(l.Host)))
	}
	if !validHost(l.Host) {
		return refuse(gateway.RefusalRemoteHost, "remote host %q is not valid", gateway.Printable(clip(l.Host)))
	}
	if err := p.password(); err != nil {
		return err
	}
	if p.port == "" {
		return nil
	}
	n, err := strconv.ParseUint(p.port, 10, 16)
	if err != nil || n == 0 {
		return refuse(gateway.RefusalPort, "port %q is not valid: it goes from 1 to 65535", gateway.Printable(clip(p.port)))
	}
	l.Port = uint16(n)
	return nil
}

func validUser(s string) bool {
	_, err := gateway.ParseUser(s)
	return err == nil
}

func validHost(s string) bool {
	_, err := netip.ParseAddr(s)
	return err == nil || gateway.IsHostname(s)
}
