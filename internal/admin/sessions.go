package admin

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// Bounds of a listing. A command line may be long, and longer as JSON.
const (
	maxSessions       = 10_000
	maxSessionsParams = 1 << 20
)

func selfListSessions(ctx context.Context, c *call, r *osh.SelfListSessions) (osh.Result, error) {
	f, err := c.sessionFilter(ctx, r)
	if err != nil {
		return osh.Result{}, err
	}
	sessions, err := c.e.Store.Sessions(ctx, f)
	if err != nil {
		return osh.Result{}, fmt.Errorf("list sessions: %w", err)
	}
	v := []osh.ListedSession{}
	params := 0
	for _, s := range sessions {
		v = append(v, listedSession(s))
		params += len(s.Params)
	}
	if params >= maxSessionsParams {
		return c.ok(v, "Their command lines are long: this is not all; --before goes on.")
	}
	return c.ok(v, "")
}

// sessionTypes are what a session in the index can be, here or at The Bastion.
func sessionTypes() []string {
	return []string{"ssh", "sshas", "osh", "interactive", "abort", "telnet", "netconf", "postgres", "proxyhttp_daemon", "proxyhttp_worker"}
}

func (c *call) sessionFilter(ctx context.Context, r *osh.SelfListSessions) (store.SessionFilter, error) {
	f := store.SessionFilter{Account: c.actor.Account, Type: r.Type, User: r.User, ProxyUser: r.ProxyUser, Limit: 100, MaxParams: maxSessionsParams}
	if r.Allowed && r.Denied {
		return f, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--allowed and --denied exclude each other")
	}
	if r.Type != "" && !slices.Contains(sessionTypes(), r.Type) {
		return f, c.fail("ERR_INVALID_PARAMETER", "type %q is not known; there are %s", gateway.Printable(clip(r.Type)), strings.Join(sessionTypes(), ", "))
	}
	for _, user := range []string{r.User, r.ProxyUser} {
		if _, err := gateway.ParseUser(user); user != "" && err != nil {
			return f, c.fail("ERR_INVALID_PARAMETER", "%s", what(err, gateway.ErrInvalid))
		}
	}
	if r.Allowed || r.Denied {
		f.Allowed = &r.Allowed
	}
	if r.Limit < 0 || r.Limit > maxSessions {
		return f, c.fail("ERR_INVALID_PARAMETER", "--limit goes from 1 to %d", maxSessions)
	}
	if r.Limit != 0 {
		f.Limit = r.Limit
	}
	var err error
	if r.ID != "" {
		if f.ID, err = c.sessionID(r.ID); err != nil {
			return f, err
		}
	}
	if f.After, err = c.date("--after", r.After); err != nil {
		return f, err
	}
	if f.Before, err = c.date("--before", r.Before); err != nil {
		return f, err
	}
	if f.Port, err = c.optionalPort(r.ToPort); err != nil {
		return f, err
	}
	if f.Via, f.ViaPort, err = c.endFilter("--via", r.Via, r.ViaPort); err != nil {
		return f, err
	}
	if f.Proxy, f.ProxyPort, err = c.endFilter("--proxy-ip", r.ProxyIP, r.ProxyPort); err != nil {
		return f, err
	}
	if r.Host != "" {
		f.Addr, _, err = c.host(ctx, r.Host)
	}
	return f, err
}

// endFilter reads one end of a connection, of which each part may be left out.
func (c *call) endFilter(flag, ip, port string) (addr netip.Addr, n uint16, err error) {
	if ip != "" {
		if addr, err = netip.ParseAddr(ip); err != nil || addr.Zone() != "" {
			return addr, 0, c.fail("ERR_INVALID_PARAMETER", "%s wants an IP address", flag)
		}
	}
	n, err = c.optionalPort(port)
	return addr.Unmap(), n, err
}

// optionalPort gives 0 for nothing.
func (c *call) optionalPort(s string) (uint16, error) {
	if s == "" {
		return 0, nil
	}
	return c.port(s)
}

func (c *call) sessionID(s string) (gateway.SessionID, error) {
	id, err := gateway.ParseSessionID(s)
	if err != nil {
		return "", c.fail("ERR_INVALID_PARAMETER", "%q is not the id of a session", gateway.Printable(clip(s)))
	}
	return id, nil
}

// date reads seconds since 1970, or YYYY-MM-DD[@HH:MM:SS] in UTC. Empty is the
// zero time.
func (c *call) date(flag, s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, nil
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n < 1<<40 {
		return time.Unix(n, 0), nil
	}
	for _, layout := range []string{"2006-01-02", "2006-01-02@15:04:05"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, c.fail("ERR_INVALID_PARAMETER", "%s wants YYYY-MM-DD[@HH:MM:SS] or seconds since 1970", flag)
}

// listedSession shows a session as scripts expect it.
func listedSession(s store.Session) osh.ListedSession {
	allowed := flag(s.Allowed)
	v := osh.ListedSession{
		Allowed: &allowed,
		From:    osh.Peer{Host: addrText(s.From), IP: addrText(s.From), Port: int(s.From.Port())},
		ID:      string(s.ID),
		Params:  optional(s.Params),
		Plugin:  optional(s.Plugin),
		Started: seconds(s.Started),
		To:      osh.TargetPeer{Host: optional(s.HostTo)},
		Type:    s.Type,
		Via:     osh.ViaPeer{IP: addrText(s.Via), Port: int(s.Via.Port()), User: s.User},
	}
	if s.To.IsValid() {
		v.To.IP = optional(addrText(s.To))
		v.To.Port = optional(strconv.Itoa(int(s.To.Port())))
	}
	if s.Proxy.IsValid() {
		v.Proxy = osh.TargetPeer{Host: optional(addrText(s.Proxy)), IP: optional(addrText(s.Proxy)), Port: portText(s.Proxy.Port())}
	}
	if s.End != nil {
		code := s.End.Code
		v.Ended, v.Returned = seconds(s.End.At), &code
	}
	return v
}

func seconds(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// addrText is empty for an address that is not known.
func addrText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return a.Addr().String()
}

func selfPlaySession(ctx context.Context, c *call, r *osh.SelfPlaySession) (osh.Result, error) {
	id, err := c.sessionID(r.ID)
	if err != nil {
		return osh.Result{}, err
	}
	found, err := c.e.Store.Sessions(ctx, store.SessionFilter{Account: c.actor.Account, ID: id, Limit: 1})
	if err != nil {
		return osh.Result{}, fmt.Errorf("find session: %w", err)
	}
	if len(found) == 0 || found[0].Account != c.actor.Account || found[0].Realm != "" || !found[0].Recording {
		return osh.Result{}, c.fail("ERR_NOT_FOUND", "you have no recorded session %s", id)
	}
	f, err := c.e.Deps.OpenRecording(ctx, id)
	if errors.Is(err, gateway.ErrNotFound) {
		return osh.Result{}, c.fail("ERR_NOT_FOUND", "the recording of the session %s is gone", id)
	}
	if err != nil {
		return osh.Result{}, fmt.Errorf("open recording: %w", err)
	}
	res, err := c.ok(struct{}{}, "")
	res.Files = []*os.File{f}
	return res, err
}
