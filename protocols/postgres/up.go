package postgres

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"gateway"
)

// clientRules: what a client may say.
func clientRules() *[256]rule {
	var r [256]rule
	for _, kind := range "QPBDECFSHXcf" {
		r[kind] = whole
	}
	r['d'] = streamed
	return &r
}

// maxName bounds the names of statements and portals.
const maxName = 1024

// names makes strings of names without making each more than once.
type names map[string]string

func (n *names) of(b []byte) (string, error) {
	if len(b) > maxName {
		return "", &fatal{state: "54000", text: fmt.Sprintf("a name of %d bytes: at most %d are possible", len(b), maxName)}
	}
	if s, ok := (*n)[string(b)]; ok {
		return s, nil
	}
	if len(*n) >= maxNames || *n == nil {
		*n = names{}
	}
	s := string(b)
	(*n)[s] = s
	return s, nil
}

// fromClient forwards what the client says until it says goodbye.
func (r *relay) fromClient(ctx context.Context) error {
	for {
		m, err := r.up.next()
		if err == io.EOF {
			return errClientGone
		}
		if err != nil {
			return fmt.Errorf("from the client: %w", err)
		}
		if err := r.message(ctx, m); err != nil {
			return err
		}
		if m.kind == 'X' {
			return r.farewell()
		}
		if r.queue.full() {
			if err := r.up.flush(); err != nil {
				return err
			}
			if _, err := r.queue.wait(maxPending / 2); err != nil {
				return err
			}
		}
	}
}

// farewell is for a client that has said goodbye: it may wait for answers that are
// still to come, and says nothing more that counts.
func (r *relay) farewell() error {
	if err := r.up.flush(); err != nil {
		return err
	}
	r.bye.Store(true)
	for {
		if _, err := r.up.src.Read(r.up.buf); err != nil {
			return errTerminated
		}
	}
}

// message records and passes one message.
func (r *relay) message(ctx context.Context, m message) error {
	i := pending{kind: m.kind, at: time.Now()}
	var v verdict
	if r.guard != nil {
		var err error
		if v, err = r.guard.admit(ctx, m); err != nil {
			return err
		}
	}
	if err := r.own(v.ahead); err != nil {
		return err
	}
	name, err := r.describe(m, &i)
	if err != nil {
		return err
	}
	if name != "" {
		if err := r.requests.request(name); err != nil {
			return err
		}
	}
	if v.refuse != nil {
		return r.refuse(m.kind, i, v.refuse)
	}
	if m.kind == 'Q' || m.kind == 'P' || m.kind == 'F' {
		if err := r.allow(ctx, v.class); err != nil {
			return err
		}
	}
	if v.place != nil {
		return r.replace(v.place, i)
	}
	if m.kind == 'd' {
		r.copied.Add(int64(m.size))
	}
	switch m.kind {
	case 'H', 'X':
	default:
		if m.kind == 'f' {
			i.kind = 'c'
		}
		if err := r.queue.push(i); err != nil {
			return err
		}
	}
	r.up.pass()
	return nil
}

// allow asks policy about a class of statements, once.
func (r *relay) allow(ctx context.Context, class gateway.DatabaseRights) error {
	if r.allowed[class] {
		return nil
	}
	if err := r.session.Allow(ctx, gateway.Action{Kind: "sql", Text: class.String()}); err != nil {
		return err
	}
	r.allowed[class] = true
	return nil
}

// describe checks the form of m and begins the text of the Request that it is
// recorded as; name is empty for what is not recorded.
func (r *relay) describe(m message, i *pending) (name string, err error) {
	switch m.kind {
	case 'Q':
		return "query", r.query(m.body, i)
	case 'P':
		return "parse", r.parse(m.body, i)
	case 'B':
		return "bind", r.bind(m.body, i)
	case 'E':
		return "execute", r.execute(m.body, i)
	case 'F':
		return "fastpath", r.fastpath(m.body, i)
	case 'D', 'C':
		return "", r.about(m.body, i)
	case 'f':
		if _, rest, err := cut(m.body); err != nil || len(rest) > 0 {
			return "", fmt.Errorf("failed copy: %w", errMalformed)
		}
	case 'd':
	default: // S H X c
		if m.size != 0 {
			return "", fmt.Errorf("message %q with %d bytes: %w", m.kind, m.size, errMalformed)
		}
	}
	return "", nil
}

// number gives the number of the next Request.
func (r *relay) number(i *pending) {
	r.sent++
	i.n = r.sent
	r.requests.begin(i.n)
}

func (r *relay) query(b []byte, i *pending) error {
	sql, rest, err := cut(b)
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("query: %w", errMalformed)
	}
	r.number(i)
	r.requests.str("sql", mask(sql))
	return nil
}

func (r *relay) parse(b []byte, i *pending) error {
	name, rest, err := cut(b)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	sql, rest, err := cut(rest)
	if err != nil {
		return fmt.Errorf("parse: %w", err)
	}
	types, rest, err := cut16(rest)
	if err != nil || len(rest) != 4*types {
		return fmt.Errorf("parse: %w", errMalformed)
	}
	if i.name, err = r.names.of(name); err != nil {
		return err
	}
	r.number(i)
	if len(name) > 0 {
		r.requests.str("name", name)
	}
	r.requests.str("sql", mask(sql))
	return nil
}

func (r *relay) bind(b []byte, i *pending) error {
	portal, rest, err := cut(b)
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	statement, rest, err := cut(rest)
	if err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	if i.name, err = r.names.of(portal); err != nil {
		return err
	}
	if i.of, err = r.names.of(statement); err != nil {
		return err
	}
	r.number(i)
	if len(statement) > 0 {
		r.requests.str("name", statement)
	}
	if len(portal) > 0 {
		r.requests.str("portal", portal)
	}
	if rest, err = r.parameters(rest); err != nil {
		return fmt.Errorf("bind: %w", err)
	}
	results, rest, err := cut16(rest)
	if err != nil || len(rest) != 2*results || !formatCodes(rest) {
		return fmt.Errorf("bind: %w", errMalformed)
	}
	i.formats = r.formats(rest)
	return nil
}

// parameters records the format codes and values of a Bind or FunctionCall.
func (r *relay) parameters(b []byte) (rest []byte, err error) {
	codes, rest, err := cut16(b)
	if err != nil || len(rest) < 2*codes {
		return nil, errMalformed
	}
	formats := rest[:2*codes]
	if !formatCodes(formats) {
		return nil, errMalformed
	}
	values, rest, err := cut16(rest[2*codes:])
	if err != nil || codes > 1 && codes != values {
		return nil, errMalformed
	}
	return r.requests.values("params", rest, values, formats, r.conn.db.Parameters, &r.client.front.hashKey)
}

// formatCodes reports whether each is that of text or binary.
func formatCodes(b []byte) bool {
	for ; len(b) > 0; b = b[2:] {
		if b[0] != 0 || b[1] > 1 {
			return false
		}
	}
	return true
}

// formats keeps the format codes of a result, if results are recorded.
func (r *relay) formats(codes []byte) []byte {
	if r.conn.db.Results == 0 || len(codes) == 0 {
		return nil
	}
	return bytes.Clone(codes)
}

func (r *relay) execute(b []byte, i *pending) error {
	portal, rest, err := cut(b)
	if err != nil || len(rest) != 4 {
		return fmt.Errorf("execute: %w", errMalformed)
	}
	if i.name, err = r.names.of(portal); err != nil {
		return err
	}
	r.number(i)
	if len(portal) > 0 {
		r.requests.str("portal", portal)
	}
	if most, _, err := cut32(rest); err == nil && most > 0 {
		r.requests.integer("max", most)
	}
	return nil
}

func (r *relay) fastpath(b []byte, i *pending) error {
	function, rest, err := cut32(b)
	if err != nil {
		return fmt.Errorf("function call: %w", err)
	}
	r.number(i)
	r.requests.integer("function", function)
	if rest, err = r.parameters(rest); err != nil || len(rest) != 2 || !formatCodes(rest) {
		return fmt.Errorf("function call: %w", errMalformed)
	}
	return nil
}

// about reads a Describe or Close: 'S' or 'P' and a name.
func (r *relay) about(b []byte, i *pending) error {
	if len(b) < 2 || b[0] != 'S' && b[0] != 'P' {
		return fmt.Errorf("describe or close: %w", errMalformed)
	}
	name, rest, err := cut(b[1:])
	if err != nil || len(rest) > 0 {
		return fmt.Errorf("describe or close: %w", errMalformed)
	}
	i.portal = b[0] == 'P'
	i.name, err = r.names.of(name)
	return err
}

// refusal is text that every server refuses to parse. It is sent in the place of
// what the gateway refuses: so the server fails the transaction and skips what
// follows, as it does after every error, and stays in step.
const refusal = "REFUSED BY THE GATEWAY"

// refuse puts a message that fails in the place of the one that is refused.
func (r *relay) refuse(kind byte, i pending, f *fatal) error {
	var instead pgproto3.FrontendMessage = &pgproto3.Query{String: refusal}
	i.kind, i.instead, i.refused = 'Q', f, kind
	if extended(kind) {
		instead, i.kind = &pgproto3.Parse{Name: refusal, Query: refusal}, 'P'
	}
	b, err := instead.Encode(nil)
	if err != nil {
		return err
	}
	if err := r.queue.push(i); err != nil {
		return err
	}
	r.up.put(b)
	r.up.drop()
	return nil
}

// own sends a script of the gateway's own, ahead of the message that was read.
func (r *relay) own(s script) error {
	if len(s.items) == 0 {
		return nil
	}
	if err := r.cancels.push(r, s.items); err != nil {
		return err
	}
	r.up.put(s.bytes)
	return nil
}

// replace sends a script in the place of a Query.
func (r *relay) replace(s *script, i pending) error {
	for n := range s.items {
		s.items[n].n, s.items[n].at, s.items[n].simple = i.n, i.at, s.items[n].kind != 'S'
	}
	if err := r.own(*s); err != nil {
		return err
	}
	r.up.drop()
	return nil
}
