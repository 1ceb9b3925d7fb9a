package osh

import (
	"net"
	"strconv"
	"strings"

	"gateway"
)

// setJump reads [user@]host[:port], as ssh's -J has it; an IPv6 address with a
// port is in brackets.
func setJump(p *parser, v string) error {
	if p.line.Jump != (gateway.Target{}) || strings.Contains(v, ",") {
		return refuse(gateway.RefusalOptions, "-J takes one jump host, not several")
	}
	j := gateway.Target{Host: v, Port: 22}
	if i := strings.LastIndexByte(v, '@'); i >= 0 {
		j.User, j.Host = v[:i], v[i+1:]
		if !validUser(j.User) || j.User[0] == '!' {
			return refuse(gateway.RefusalRemoteUser, "-J: user %q is not valid", gateway.Printable(clip(j.User)))
		}
	}
	host, port, bare := j.Host, "", strings.HasSuffix(j.Host, "]")
	switch {
	case strings.HasPrefix(host, "[") && bare:
		j.Host = host[1 : len(host)-1]
	case strings.HasPrefix(host, "[") || strings.Count(host, ":") == 1:
		var err error
		if j.Host, port, err = net.SplitHostPort(host); err != nil {
			return refuse(gateway.RefusalRemoteHost, "-J: host %q is not valid", gateway.Printable(clip(host)))
		}
		if j.Port, err = gateway.ParsePort(port); err != nil {
			return refuse(gateway.RefusalPort, "-J: port %q is not valid", gateway.Printable(clip(port)))
		}
	}
	if !validHost(j.Host) || strings.HasPrefix(host, "[") && !strings.Contains(j.Host, ":") {
		return refuse(gateway.RefusalRemoteHost, "-J: host %q is not valid", gateway.Printable(clip(host)))
	}
	p.line.Jump = j
	return nil
}

// jumpText writes what setJump reads.
func jumpText(j gateway.Target) string {
	s := net.JoinHostPort(j.Host, strconv.Itoa(int(j.Port)))
	if j.User != "" {
		s = j.User + "@" + s
	}
	return s
}
