package gateway

import (
	"net/netip"
	"strconv"
)

// Target is one place a session can be opened to.
type Target struct {
	User string     // login at the target
	Host string     // as the person wrote it; for display only
	Addr netip.Addr // what Host resolved to; decisions are made on this
	Port uint16
}

// String gives USER@ADDR:PORT, with an IPv6 address in brackets. Before
// resolution it shows Host.
func (t Target) String() string {
	host := Printable(t.Host)
	if t.Addr.IsValid() {
		host = t.Addr.String()
		if t.Addr.Is6() {
			host = "[" + host + "]"
		}
	}
	s := host + ":" + strconv.Itoa(int(t.Port))
	if t.User != "" {
		s = Printable(t.User) + "@" + s
	}
	return s
}
