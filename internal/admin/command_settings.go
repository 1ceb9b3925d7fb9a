package admin

import (
	"strings"

	"gateway"
)

// CommandSettings are what the configuration says about one command. Each zero
// value changes nothing.
type CommandSettings struct {
	Disabled            bool        // nobody may run it
	MFARequired         gateway.MFA // the second factor that it asks for
	WidestV4, WidestV6  int         // the shortest prefix of an access that it adds; 0: any
	SelfRemoteUserOnly  bool        // it adds accesses whose user is the account's name only
	MinPasswordSize     int         // the shortest password that it makes; 0: any
	AdminShowSystemInfo bool        // tells administrators about the node
	ShowFortune         bool        // ends with a hint
}

// settings are those of the command that is run.
func (c *call) settings() CommandSettings { return c.set.Commands[c.cmd.Name] }

// enabled refuses what the configuration takes away from everybody, also from
// administrators and on the node itself: who may change that changes the
// configuration.
func (c *call) enabled(command string) error {
	if c.set.Commands[command].Disabled {
		return refusal(gateway.RefusalRestricted, "the command %s is disabled by the configuration of this gateway", command)
	}
	return nil
}

// checkBounds checks a new personal access of the account against the settings
// of the command.
func (c *call) checkBounds(account string, a gateway.Access) error {
	set := c.settings()
	widest, family := set.WidestV4, "IPv4"
	if a.Prefix.Addr().Is6() {
		widest, family = set.WidestV6, "IPv6"
	}
	if a.Prefix.Bits() < widest {
		return c.fail("ERR_INVALID_PARAMETER", "%s is too wide: %s may add %s networks of at most /%d here",
			a.Prefix, c.cmd.Name, family, widest)
	}
	if set.SelfRemoteUserOnly && a.User != account && !strings.HasPrefix(a.User, "!") { // to transfer files is no login
		return c.fail("ERR_INVALID_PARAMETER", "the remote user has to be %s: %s may add no other here", account, c.cmd.Name)
	}
	return nil
}
