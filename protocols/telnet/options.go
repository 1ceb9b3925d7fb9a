package telnet

// Commands, RFC 854. Those that ask for nothing, such as GA and DM, are not here.
const (
	se   = 240
	nop  = 241
	brk  = 243
	ip   = 244
	ayt  = 246
	sb   = 250
	will = 251
	wont = 252
	do   = 253
	dont = 254
	iac  = 255
)

// Options: RFC 856, 857, 858, 1091, 1073 and 1572.
const (
	optBinary       = 0
	optEcho         = 1
	optSuppressGA   = 3
	optTerminalType = 24
	optWindowSize   = 31
	optEnvironment  = 39
)

// What stands first in a subnegotiation of a terminal type or the environment.
const (
	subIs   = 0
	subSend = 1
)

// What an environment consists of, RFC 1572.
const (
	envVar     = 0
	envValue   = 1
	envEscape  = 2
	envUserVar = 3
)

// maxTerm is how long the name of a terminal's type may be (RFC 1091).
const maxTerm = 40

// unknownTerm is the type of no terminal, or of one that can't be named.
const unknownTerm = "UNKNOWN"

// termName is name if it may be sent as a terminal's type.
func termName(name string) string {
	if name == "" || len(name) > maxTerm {
		return unknownTerm
	}
	for _, c := range []byte(name) {
		if c <= ' ' || c > '~' {
			return unknownTerm
		}
	}
	return name
}

// userName is user if a target may be told of it as USER; otherwise nothing.
// Servers give it to login(1), some of them as an argument of its own: what
// starts with "-" is an option there, and "-f root" is a way in.
func userName(user string) string {
	if user == "" || user[0] == '-' {
		return ""
	}
	for _, c := range []byte(user) {
		if c <= ' ' || c > '~' {
			return ""
		}
	}
	return user
}

// asksForUser says whether an environment is asked for that has USER in it:
// all of it, all that is well known, or USER by name. list is what follows
// SEND.
func asksForUser(list []byte) bool {
	if len(list) == 0 {
		return true
	}
	for len(list) > 0 {
		kind := list[0]
		list = list[1:]
		end := 0
		for end < len(list) && list[end] != envVar && list[end] != envUserVar {
			end++
		}
		if name := string(list[:end]); kind == envVar && (name == "" || name == "USER") {
			return true
		}
		list = list[end:]
	}
	return false
}
