package osh

import (
	"net"
	"strconv"
	"strings"

	"gateway"
)

// setJump reads [user@]host[:port], as ssh's -J has it.
func setJump(p *parser, v string) error {
	if p.line.Jump != (gateway.Target{}) || strings.Contains(v, ",") {
		return refuse(gateway.RefusalOptions, "-J takes one jump host, not several")
	}
	j, err := readTarget("-J: ", v)
	if err != nil {
		return err
	}
	if j.Port == 0 {
		j.Port = 22
	}
	p.line.Jump = j
	return nil
}

// ParseTarget reads [user@]host[:port]; an IPv6 address with a port is in
// brackets. A port that is not given is 0. Its error is a *RefusalError.
func ParseTarget(s string) (gateway.Target, error) { return readTarget("", s) }

// readTarget is ParseTarget for who complains with a prefix.
func readTarget(complain, v string) (gateway.Target, error) {
	j := gateway.Target{Host: v}
	if i := strings.LastIndexByte(v, '@'); i >= 0 {
		j.User, j.Host = v[:i], v[i+1:]
		if !validUser(j.User) || j.User[0] == '!' {
			return j, refuse(gateway.RefusalRemoteUser, "%suser %q is not valid", complain, gateway.Printable(clip(j.User)))
		}
	}
	host, port, bare := j.Host, "", strings.HasSuffix(j.Host, "]")
	switch {
	case strings.HasPrefix(host, "[") && bare:
		j.Host = host[1 : len(host)-1]
	case strings.HasPrefix(host, "[") || strings.Count(host, ":") == 1:
		var err error
		if j.Host, port, err = net.SplitHostPort(host); err != nil {
			return j, refuse(gateway.RefusalRemoteHost, "%shost %q is not valid", complain, gateway.Printable(clip(host)))
		}
		if j.Port, err = gateway.ParsePort(port); err != nil {
			return j, refuse(gateway.RefusalPort, "%sport %q is not valid", complain, gateway.Printable(clip(port)))
		}
	}
	if !validHost(j.Host) || strings.HasPrefix(host, "[") && !strings.Contains(j.Host, ":") {
		return j, refuse(gateway.RefusalRemoteHost, "%shost %q is not valid", complain, gateway.Printable(clip(host)))
	}
	return j, nil
}

// jumpText writes what setJump reads.
func jumpText(j gateway.Target) string {
	s := net.JoinHostPort(j.Host, strconv.Itoa(int(j.Port)))
	if j.User != "" {
		s = j.User + "@" + s
	}
	return s
}
