package sqlite

import (
	"database/sql"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"gateway"
)

// micro and fromMicro are the two directions of a time column.
func micro(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicro(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us).UTC()
}

// micros and duration are the two directions of a duration that may be null.
func micros(d *time.Duration) any {
	if d == nil {
		return nil
	}
	return d.Microseconds()
}

func duration(us sql.Null[int64]) *time.Duration {
	if !us.Valid {
		return nil
	}
	d := time.Duration(us.V) * time.Microsecond
	return &d
}

// addrBytes gives the bytes of an address, nil for none.
func addrBytes(a netip.Addr) []byte {
	if !a.IsValid() {
		return nil
	}
	return a.Unmap().AsSlice()
}

func addrPort(addr []byte, port uint16) netip.AddrPort {
	a, ok := netip.AddrFromSlice(addr)
	if !ok {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(a, port)
}

func prefix(network []byte, bits int) (netip.Prefix, error) {
	a, ok := netip.AddrFromSlice(network)
	p := netip.PrefixFrom(a, bits)
	if !ok || !p.IsValid() {
		return netip.Prefix{}, fmt.Errorf("stored network of %d bytes and length %d: %w", len(network), bits, gateway.ErrUnavailable)
	}
	return p, nil
}

func joinNetworks(list []netip.Prefix) string {
	var b strings.Builder
	for i, p := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(p.String())
	}
	return b.String()
}

func splitNetworks(s string) ([]netip.Prefix, error) {
	if s == "" {
		return nil, nil
	}
	var list []netip.Prefix
	for part := range strings.SplitSeq(s, ",") {
		p, err := netip.ParsePrefix(part)
		if err != nil {
			return nil, fmt.Errorf("stored network: %w: %w", gateway.ErrUnavailable, err)
		}
		list = append(list, p)
	}
	return list, nil
}
