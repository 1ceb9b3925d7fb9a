package osh

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"gateway"
)

// SelfListSessions is the request of selfListSessions.
type SelfListSessions struct {
	Detailed  bool   `opt:"detailed" help:"also show who came from where"`
	Limit     int    `opt:"limit" arg:"N" help:"at most that many, 100 if not given"`
	ID        string `opt:"id" arg:"ID" help:"only that session"`
	Type      string `opt:"type" arg:"TYPE" help:"only those: ssh, sshas (as another account), osh, interactive, telnet, netconf, postgres, abort (refused before anything was opened)"`
	Allowed   bool   `opt:"allowed" help:"only those that were allowed"`
	Denied    bool   `opt:"denied" help:"only those that were refused"`
	After     string `opt:"after" arg:"DATE" help:"only later ones: YYYY-MM-DD[@HH:MM:SS] in UTC, or epoch"`
	Before    string `opt:"before" arg:"DATE" help:"only earlier ones"`
	Host      string `opt:"host,h,to" arg:"HOST" help:"only those to that target"`
	ToPort    string `opt:"to-port" arg:"PORT" help:"only those to that port"`
	User      string `opt:"user,u" arg:"USER" help:"only those with that login at the target"`
	Via       string `opt:"via" arg:"IP" help:"only those over that address of the gateway"`
	ViaPort   string `opt:"via-port" arg:"PORT" help:"only those over that port of the gateway"`
	ProxyUser string `opt:"proxy-user" arg:"USER" help:"only those with that login at an egress jump host"`
	ProxyIP   string `opt:"proxy-ip" arg:"IP" help:"only those through that egress jump host"`
	ProxyPort string `opt:"proxy-port" arg:"PORT" help:"only those through that port of an egress jump host"`
}

// ListedSession is one session in a listing.
type ListedSession struct {
	Allowed *int   `json:"allowed"`
	From    Peer   `json:"from"`
	ID      string `json:"id"`
	// Params is the remote command, or the arguments of a command.
	Params   *string    `json:"params"`
	Plugin   *string    `json:"plugin"`
	Proxy    TargetPeer `json:"proxy"` // the egress jump host
	Returned *int       `json:"returned"`
	Ended    float64    `json:"timestamp_ended"` // 0: not yet
	Started  float64    `json:"timestamp_started"`
	To       TargetPeer `json:"to"`
	Type     string     `json:"type"`
	Via      ViaPeer    `json:"via"`
}

// Peer is where a session came from.
type Peer struct {
	Host string `json:"host"`
	IP   string `json:"ip"`
	Port int    `json:"port"`
}

// TargetPeer is where a session went, or through what.
type TargetPeer struct {
	Host *string `json:"host"`
	IP   *string `json:"ip"`
	Port *string `json:"port"`
}

// ViaPeer is the gateway's own end, and the login at the target.
type ViaPeer struct {
	IP   string `json:"ip"`
	Port int    `json:"port"`
	User string `json:"user"`
}

func selfListSessionsCommand() *Command {
	return &Command{
		Name:     "selfListSessions",
		Category: Open,
		Summary:  "list your sessions and commands, newest first",
		Examples: []string{"selfListSessions --type ssh --after 2026-11-01", "selfListSessions --denied --limit 10"},
		New:      func() any { return new(SelfListSessions) },
		Local:    selfListSessionsLocal,
	}
}

// selfListSessionsLocal writes the text itself: how much of it depends on the
// request.
func selfListSessionsLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r, err := run(ctx, req)
	if err != nil || r.Exit != 0 {
		return r, err
	}
	var v []ListedSession
	if err := json.Unmarshal(r.Value, &v); err != nil {
		return Result{}, fmt.Errorf("read the list of sessions: %w", err)
	}
	var p page
	writeSessions(&p, v, req.(*SelfListSessions).Detailed)
	writePage(env.Out, env.fanciness(false), &p)
	return r, nil
}

func writeSessions(w io.Writer, v []ListedSession, detailed bool) {
	if len(v) == 0 {
		fmt.Fprintln(w, "No session, or none that matches.")
		return
	}
	rows := [][]string{{"ID", "STARTED (UTC)", "TYPE", "END", "WHAT"}}
	if detailed {
		rows[0] = []string{"ID", "STARTED (UTC)", "TYPE", "END", "FROM", "VIA", "WHAT"}
	}
	for _, s := range v {
		row := []string{s.ID, time.Unix(int64(s.Started), 0).UTC().Format(time.DateTime), s.Type, s.ending()}
		if detailed {
			row = append(row, address(s.From.IP, s.From.Port), address(s.Via.IP, s.Via.Port))
		}
		rows = append(rows, append(row, s.what()))
	}
	writeTable(w, rows)
}

// ending is how the session ended, if it did.
func (s *ListedSession) ending() string {
	switch {
	case s.Allowed != nil && *s.Allowed == 0 && s.Returned != nil:
		return fmt.Sprintf("refused %d", *s.Returned)
	case s.Returned != nil:
		return fmt.Sprintf("exit %d", *s.Returned)
	}
	return "-"
}

// what is the target and the remote command, or the command of the gateway.
func (s *ListedSession) what() string {
	var words []string
	switch {
	case s.Type == string(gateway.Postgres) && s.To.Host != nil:
		if s.Plugin != nil {
			words = append(words, *s.Plugin)
		}
		words = append(words, *s.To.Host)
	case s.Plugin != nil && (s.Params == nil || !strings.Contains(*s.Params, *s.Plugin)):
		words = append(words, *s.Plugin)
	case s.Plugin == nil && s.To.IP != nil:
		words = append(words, accessText(&s.Via.User, *s.To.IP, s.To.Port))
		if s.Proxy.IP != nil {
			words = append(words, "via", hostPort(*s.Proxy.IP, s.Proxy.Port))
		}
	}
	if s.Params != nil {
		words = append(words, *s.Params)
	}
	return strings.Join(words, " ")
}

func address(ip string, port int) string { return net.JoinHostPort(ip, strconv.Itoa(port)) }

// SelfPlaySession is the request of selfPlaySession.
type SelfPlaySession struct {
	ID string `opt:"id" arg:"ID" required:"true" pos:"true" help:"id of the session, as in selfListSessions"`
}

func selfPlaySessionCommand() *Command {
	return &Command{
		Name:     "selfPlaySession",
		Category: Open,
		Summary:  "replay a session of yours",
		Examples: []string{"selfPlaySession 9f86d081884c7d659a2feaa0"},
		New:      func() any { return new(SelfPlaySession) },
		Local:    selfPlaySessionLocal,
	}
}

func selfPlaySessionLocal(ctx context.Context, env *Env, req any, run RunFunc) (Result, error) {
	r, err := run(ctx, req)
	if err != nil || r.Exit != 0 || len(r.Files) == 0 {
		return r, err
	}
	if env.Play == nil {
		return r, fmt.Errorf("play recording: not possible here")
	}
	if err := env.Play(ctx, env, r.Files[0]); err != nil && ctx.Err() == nil {
		return r, fmt.Errorf("play recording: %w", err)
	}
	return r, nil
}
