// Package audit writes what happened, and who was behind it, as one line of
// JSON for each event, to files, standard output and syslog.
//
// It is not the operator's log: a record that can't be written stops what it
// is about.
package audit

import (
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"gateway"
)

// Event is the type of a record.
type Event string

// The events.
const (
	Connect  Event = "connect"  // a connection was accepted or turned away
	Auth     Event = "auth"     // somebody proved, or failed to prove, who they are
	Decision Event = "decision" // an operation was refused inside a session
	Open     Event = "open"     // a session to a target begins
	Close    Event = "close"    // it ended
	Login    Event = "login"    // a target accepted a key
	Password Event = "password" // an egress password was given out for a login
	HostKey  Event = "host-key" // a target's host key was seen for the first time, or has changed
	Command  Event = "command"  // a command of the gateway ran, or was refused
	Change   Event = "change"   // accounts, groups, accesses or keys changed
	Recorder Event = "recorder" // a recording was sealed, or failed
	Security Event = "security" // an administrator acts as another account
	Sandbox  Event = "sandbox"  // a child broke its rules, or was killed for a forbidden system call
	Config   Event = "config"   // gateway.yaml was taken up, or refused
	Node     Event = "node"     // the gateway itself starts, stops, or lost records on their way to syslog
)

// Record is one event. Zero fields are left out of the line, but for those
// that say otherwise. The names in the comments are the fields' names in JSON.
type Record struct {
	Event     Event             // event
	Time      time.Time         // time: UTC with microseconds; zero: now
	Session   gateway.SessionID // session
	Login     gateway.SessionID // login: the connection, where the session has another id
	Principal gateway.Principal // principal, realm
	By        string            // by: the administrator who acts as the principal
	From      netip.AddrPort    // from: the client, as the kernel says
	Via       netip.AddrPort    // via: the gateway's own end of it
	Target    gateway.Target    // target, and target_host when it was given as a name
	Jump      gateway.Target    // jump, and jump_host: the egress jump host on the way to the target
	Protocol  gateway.Protocol  // protocol
	Key       string            // key: the fingerprint of the key that was proven or used
	Way       string            // way: what granted it, such as "personal" or "group-member:web"
	Allowed   Answer            // allowed: true or false
	Reason    string            // reason: why not, or why it ended
	Action    string            // action: what was done, such as shell, exec, add, del
	Command   string            // command: command line or the command of the gateway
	Duration  time.Duration     // duration: seconds
	BytesIn   int64             // bytes_in: from the client to the target
	BytesOut  int64             // bytes_out: from the target to the client
	Exit      *gateway.Exit     // exit: the status; signal: in its place when one ended it
	Error     string            // error
	Details   []Detail          // details: an object with what only this kind of event has
}

// Detail is one field of Record.Details.
type Detail struct{ Key, Value string }

// Answer is a yes or no that may be absent.
type Answer int

// The answers.
const (
	Unasked Answer = iota
	Yes
	No
)

// AnswerOf returns Yes or No.
func AnswerOf(allowed bool) Answer {
	if allowed {
		return Yes
	}
	return No
}

// maxText bounds one text of a record, so that records usually fit into a
// datagram of syslog. The whole of what was typed is in the recording.
const maxText = 8 << 10

// clean makes foreign text safe to show: no control characters, bounded.
func clean(s string) string {
	if len(s) <= maxText {
		return gateway.Printable(s)
	}
	end := maxText
	for end > maxText-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return gateway.Printable(s[:end]) + "…(" + strconv.Itoa(len(s)-end) + " bytes more)"
}

// fields gives the record's fields in their fixed order.
func (r *Record) fields() []zap.Field {
	var fs []zap.Field
	text := func(key, value string) {
		if value != "" {
			fs = append(fs, zap.String(key, clean(value)))
		}
	}
	address := func(key string, a netip.AddrPort) {
		if a.IsValid() {
			text(key, netip.AddrPortFrom(a.Addr().Unmap(), a.Port()).String())
		}
	}
	text("session", string(r.Session))
	if r.Login != r.Session {
		text("login", string(r.Login))
	}
	text("principal", r.Principal.Account)
	text("realm", r.Principal.Realm)
	text("by", r.By)
	address("from", r.From)
	address("via", r.Via)
	target := func(key string, t gateway.Target) {
		if t == (gateway.Target{}) {
			return
		}
		text(key, t.String())
		if t.Addr.IsValid() && t.Host != t.Addr.String() {
			text(key+"_host", t.Host)
		}
	}
	target("target", r.Target)
	target("jump", r.Jump)
	text("protocol", string(r.Protocol))
	text("key", r.Key)
	text("way", r.Way)
	if r.Allowed != Unasked {
		fs = append(fs, zap.Bool("allowed", r.Allowed == Yes))
	}
	text("reason", r.Reason)
	text("action", r.Action)
	text("command", r.Command)
	if r.Duration != 0 {
		fs = append(fs, zap.Float64("duration", float64(r.Duration.Microseconds())/1e6))
	}
	if r.BytesIn != 0 || r.BytesOut != 0 {
		fs = append(fs, zap.Int64("bytes_in", r.BytesIn), zap.Int64("bytes_out", r.BytesOut))
	}
	if r.Exit != nil && r.Exit.Signal != "" {
		text("signal", r.Exit.Signal)
	} else if r.Exit != nil {
		fs = append(fs, zap.Int("exit", r.Exit.Code))
	}
	text("error", r.Error)
	if len(r.Details) > 0 {
		fs = append(fs, zap.Object("details", details(r.Details)))
	}
	return fs
}

type details []Detail

// MarshalLogObject implements zapcore.ObjectMarshaler.
func (ds details) MarshalLogObject(enc zapcore.ObjectEncoder) error {
	for _, d := range ds {
		enc.AddString(clean(d.Key), clean(d.Value))
	}
	return nil
}
