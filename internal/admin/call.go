package admin

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
	"gateway/policy"
)

// call is one execution of a command.
type call struct {
	e        *Executor
	actor    Actor
	set      Settings         // at the start, and from a change on as it is then
	snap     *policy.Snapshot // at the start
	now      time.Time
	raw      json.RawMessage // as it was sent
	cmd      *osh.Command
	req      any
	recorded string // the request as it was understood; empty: it was not
	page     filter // of a request that lists things
	override bool   // a superowner's right was needed
	changed  bool   // a change was committed, and recorded
	ends     ending // whose sessions the change ends
}

// ending is of the live sessions of an account, when a change takes them away.
type ending struct {
	account string // empty: of nobody
	why     gateway.Refusal
	reason  string
	n       int // how many there were
}

// read finds out what is asked.
func (c *call) read(command string) error {
	cmd, ok := osh.Lookup(command)
	if !ok || cmd.Name != command {
		return refusal(gateway.RefusalUnknownCommand, "unknown command %s", gateway.Printable(clip(command)))
	}
	c.cmd, c.req = cmd, cmd.New()
	if err := decode(c.raw, c.req); err != nil {
		if hasSecrets(c.req) {
			c.recorded = elided
		}
		return refusal(gateway.RefusalOptions, "the request is malformed")
	}
	c.recorded = recorded(c.req)
	return nil
}

// run is the order of checks of every command that was read.
func (c *call) run(ctx context.Context) (osh.Result, error) {
	run, ok := handlers()[c.cmd.Name]
	if !ok {
		return osh.Result{}, fmt.Errorf("command %s has no handler", c.cmd.Name)
	}
	if err := c.enabled(c.cmd.Name); err != nil {
		return osh.Result{}, err
	}
	if err := c.authorise(snapshotState{c.snap}); err != nil {
		return osh.Result{}, err
	}
	if err := c.writable(); err != nil {
		return osh.Result{}, err
	}
	if flag := osh.Missing(c.req); flag != "" {
		return osh.Result{}, c.fail("ERR_MISSING_PARAMETER", "option %s is missing", flag)
	}
	if f, ok := c.req.(osh.Filtered); ok {
		var err error
		if c.page, err = c.filterOf(f.Filter()); err != nil {
			return osh.Result{}, err
		}
	}
	return run(ctx, c)
}

// writable refuses changes on a read-only node.
func (c *call) writable() error {
	if c.cmd.MasterOnly && c.set.ReadOnly {
		return refusal(gateway.RefusalReadOnly, "this node is read-only: use the master")
	}
	return nil
}

// decode reads a request strictly.
func decode(raw json.RawMessage, req any) error {
	if len(raw) > maxRequest {
		return gateway.ErrInvalid
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(req); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return gateway.ErrInvalid
	}
	return nil
}

// update makes a change: it checks the rights again on the state that the
// transaction sees, runs f, and records the change; any failure undoes it all.
// Live sessions are then decided again.
func (c *call) update(ctx context.Context, f func(tx store.Tx) error) error {
	// Transactions come one after the other, also those that begin a session:
	// whoever makes many large changes must not have all the others wait.
	release, err := c.e.changing.Take(ctx, cmp.Or(c.actor.By, c.actor.Account), 1)
	if err != nil {
		return err
	}
	defer release()
	c.set = c.e.Config() // what came before may have taken long, and administrators are named there
	err = c.e.Store.Update(ctx, func(tx store.Tx) error {
		if err := c.authorise(tx); err != nil {
			return err
		}
		if err := f(tx); err != nil {
			return err
		}
		return c.announce(ctx)
	})
	if err != nil {
		return err
	}
	c.changed = true
	c.snap = c.e.Policy.Load()
	if c.ends.account != "" { // first, so that this is the reason that is shown
		c.ends.n = c.e.Deps.EndSessions(c.ends.account, c.ends.why, c.ends.reason)
	}
	c.e.Deps.Recheck()
	return nil
}

// announce records a change that is about to be made.
func (c *call) announce(ctx context.Context) error {
	rec := c.record()
	rec.Change, rec.Code = true, "OK"
	if err := c.e.Audit(ctx, rec); err != nil {
		return fmt.Errorf("%w: %w", errNotRecorded, err)
	}
	return nil
}

func (c *call) record() Record {
	name := ""
	if c.cmd != nil {
		name = c.cmd.Name
	}
	request := c.recorded
	if request == "" {
		request = string(c.raw[:min(len(c.raw), maxRecordRequest)])
	}
	return Record{Actor: c.actor, Command: name, Request: request, Override: c.override}
}

// recorded gives a request as JSON for the audit log. It is made from what was
// understood, since the bytes that were sent can be written to be misread: with
// a field twice, or with so much in one that the others are cut off. Long texts
// are cut short, the longest first.
func recorded(req any) string {
	raw, err := json.Marshal(withoutSecrets(req))
	for limit := maxRecordRequest / 2; err == nil && len(raw) > maxRecordRequest && limit > 0; limit /= 2 {
		fields := map[string]any{}
		if err = json.Unmarshal(raw, &fields); err != nil {
			break
		}
		for name, v := range fields {
			if text, ok := v.(string); ok && len(text) > limit {
				fields[name] = strings.ToValidUTF8(text[:limit], "") + "…"
			}
		}
		raw, err = json.Marshal(fields)
	}
	return string(raw[:min(len(raw), maxRecordRequest)])
}

// elided stands for a secret in a record.
const elided = "[secret]"

// withoutSecrets gives a copy of a request without its fields that have the tag
// secret.
func withoutSecrets(req any) any {
	v := reflect.ValueOf(req).Elem()
	c := reflect.New(v.Type())
	c.Elem().Set(v)
	for _, f := range reflect.VisibleFields(v.Type()) {
		if field := c.Elem().FieldByIndex(f.Index); f.Tag.Get("secret") == "true" && !field.IsZero() {
			field.SetString(elided)
		}
	}
	return c.Interface()
}

func hasSecrets(req any) bool {
	return slices.ContainsFunc(reflect.VisibleFields(reflect.TypeOf(req).Elem()), func(f reflect.StructField) bool { return f.Tag.Get("secret") == "true" })
}

// errNotRecorded: the change was not made because it can't be recorded.
var errNotRecorded = errors.New("audit record refused")

// answered carries an answer through code that returns errors, so that it also
// undoes a transaction.
type answered struct{ osh.Result }

func (a *answered) Error() string { return a.Code + ": " + a.Message }

func refusal(r gateway.Refusal, format string, args ...any) error {
	return &answered{osh.Refuse(r, fmt.Sprintf(format, args...))}
}

// fail ends the command with an ERR_… or KO_… code.
func (c *call) fail(code, format string, args ...any) error {
	return &answered{osh.Fail(c.cmd.Name, code, fmt.Sprintf(format, args...), nil)}
}

// noChange ends the command, successfully, with OK_NO_CHANGE.
func (c *call) noChange(format string, args ...any) error {
	return c.done("OK_NO_CHANGE", nil, format, args...)
}

// done ends the command, successfully, with a code that starts with OK, and
// undoes a transaction.
func (c *call) done(code string, value any, format string, args ...any) error {
	return &answered{osh.OK(c.cmd.Name, code, fmt.Sprintf(format, args...), value)}
}

// ok is the answer of success. An empty message says nothing but the value.
func (c *call) ok(value any, format string, args ...any) (osh.Result, error) {
	message := "OK"
	if format != "" {
		message = fmt.Sprintf(format, args...)
	}
	return osh.OK(c.cmd.Name, "OK", message+c.page.note(), value), nil
}

// answer turns an error into what the person sees; the rest is for operators.
func (c *call) answer(err error) osh.Result {
	if a, ok := errors.AsType[*answered](err); ok {
		return a.Result
	}
	name := ""
	if c.cmd != nil {
		name = c.cmd.Name
	}
	switch {
	case errors.Is(err, errNotRecorded):
		return osh.Refuse(gateway.RefusalNoSpace, "the change can't be recorded, so it was not made")
	case errors.Is(err, gateway.ErrUnavailable):
		return osh.Fail(name, "ERR_UNAVAILABLE", "the gateway's state can't be changed now; nothing was changed", nil)
	case errors.Is(err, gateway.ErrConflict):
		return osh.Fail(name, "ERR_CONFLICT", "the state changed meanwhile; nothing was changed", nil)
	case errors.Is(err, gateway.ErrNotFound):
		return osh.Fail(name, "KO_NOT_FOUND", "not found; nothing was changed", nil)
	}
	return osh.Fail(name, "ERR_INTERNAL", "the gateway could not do that; its operators can see why", nil)
}

// account finds an account that a request names.
func (c *call) account(s state, name string) (*gateway.Account, error) {
	a, err := s.Account(name)
	if errors.Is(err, gateway.ErrNotFound) {
		return nil, c.fail("KO_NOT_FOUND", "account %s does not exist", gateway.Printable(clip(name)))
	}
	return a, err
}

// self is the account that runs the command.
func (c *call) self(s state) (*gateway.Account, error) { return c.account(s, c.actor.Account) }

// group finds a group that a request names.
func (c *call) group(s state, name string) (*gateway.Group, error) {
	g, err := s.Group(name)
	if errors.Is(err, gateway.ErrNotFound) {
		return nil, c.fail("KO_GROUP_NOT_FOUND", "group %s does not exist", gateway.Printable(clip(name)))
	}
	return g, err
}

// state is that before the command.
func (c *call) state() state { return snapshotState{c.snap} }

// clip keeps messages short whatever was sent.
func clip(s string) string {
	if len(s) > 64 {
		return strings.ToValidUTF8(s[:64], "") + "…"
	}
	return s
}

// optional gives nil for an empty text, as JSON null.
func optional(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}
