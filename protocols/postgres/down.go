package postgres

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"time"
)

// maxNames bounds what is remembered of statements and portals.
const maxNames = 4096

// serverRules: what a server may say after the login.
func serverRules() *[256]rule {
	var r [256]rule
	for _, kind := range "123CEIZSGHnsct" {
		r[kind] = whole
	}
	for _, kind := range "DdTNAV" {
		r[kind] = streamed
	}
	return &r
}

// replies is what is known of the answers of the server's, and their recording.
type replies struct {
	writer
	held bool // text is of a Reply that waits for the transaction state
	name string
	ok   bool
	tx   byte   // as recorded
	n    uint64 // of the Request that was answered last

	statements map[string]uint64 // name → number of the Parse that made it
	portals    map[string]bound

	rows, size int64 // of the result that arrives
	last       time.Time
}

// bound is what a portal was made by.
type bound struct {
	bind, statement uint64
	formats         []byte
}

// hold keeps a Reply back until the state is known that the transaction is in
// after it, or until something is forwarded.
func (p *replies) hold(name string, ok bool) {
	p.held, p.name, p.ok = true, name, ok
}

// flush records the Reply that is held. It fails once something was not recorded.
func (p *replies) flush() error {
	if p.broken != nil || !p.held {
		return p.broken
	}
	p.held = false
	return p.reply(p.name, p.ok)
}

// ready is told of the state of the transaction.
func (p *replies) ready(tx byte) error {
	if !p.held {
		if tx == p.tx {
			return nil
		}
		p.begin(p.n)
		p.hold("ready", true)
	}
	p.tx = tx
	p.str("tx", []byte{tx})
	return p.flush()
}

// fromServer passes on what the server says until it closes the connection.
func (r *relay) fromServer() error {
	err := r.answers()
	// What may pass need not wait for more any longer.
	_ = r.down.flush() // err says already why it ends
	return err
}

func (r *relay) answers() error {
	for {
		m, err := r.down.next()
		if err == io.EOF {
			gone := errServerGone
			if r.bye.Load() {
				gone = errTerminated
			}
			return errors.Join(gone, r.replies.flush())
		}
		if err != nil {
			return fmt.Errorf("from the server: %w", err)
		}
		r.queue.mu.Lock()
		pass, err := r.limited(m)
		r.queue.mu.Unlock()
		if err != nil {
			return err
		}
		if r.excess.cancel {
			r.excess.cancel = false
			r.cancels.obey(r.ctx, r)
		}
		if pass {
			r.down.pass()
		} else {
			r.down.drop()
		}
	}
}

// answer looks at one message and says whether the client is to have it. The
// queue's mutex is held.
func (r *relay) answer(m message) (pass bool, err error) {
	switch m.kind {
	case 'N', 'A':
		return true, nil
	case 'S':
		return true, r.conn.status(m.body)
	case 'Z':
		return r.readyForQuery(m.body)
	}
	head := r.queue.head()
	if head != nil && head.own && (m.kind != 'E' || head.fragile()) {
		return false, r.ownAnswer(head.kind, m)
	}
	if m.kind == 'E' {
		return r.errorResponse(head, m.body)
	}
	if head == nil {
		return false, errOutOfStep
	}
	extra := head.simple && (m.kind == '1' || m.kind == '2' || m.kind == 'n')
	return !extra, r.result(head, m)
}

func (r *relay) readyForQuery(body []byte) (pass bool, err error) {
	if len(body) != 1 {
		return false, errOutOfStep
	}
	head := r.queue.head()
	own := head != nil && head.own
	if err := r.queue.ready(body[0]); err != nil {
		return false, err
	}
	if own {
		return false, nil
	}
	if body[0] == 'I' && len(r.replies.portals) > 0 {
		clear(r.replies.portals)
	}
	return true, r.replies.ready(body[0])
}

// errorResponse records an error. head is nil for one that nothing was the cause of.
func (r *relay) errorResponse(head *pending, body []byte) (pass bool, err error) {
	state, err := sqlstate(body)
	if err != nil {
		return false, err
	}
	var i pending
	if head != nil {
		i = *head
		r.queue.failed()
	}
	if i.own && string(state) != failing {
		i.instead = nil // another error than what it looks for
	}
	if i.instead != nil {
		state = []byte(i.instead.state)
	}
	if err := r.completed(&i, i.n); err != nil {
		return false, err
	}
	r.replies.str("sqlstate", state)
	if i.instead == nil || r.excess.skips {
		r.replies.hold(i.event(), false)
		return true, nil
	}
	r.replies.str("refused", []byte(i.instead.text))
	r.replies.hold(i.event(), false)
	b, err := i.instead.response("ERROR").Encode(nil)
	if err != nil {
		return false, err
	}
	r.down.put(b)
	return false, nil
}

// sqlstate gives the code of an ErrorResponse.
func sqlstate(b []byte) ([]byte, error) {
	for len(b) > 0 && b[0] != 0 {
		value, rest, err := cut(b[1:])
		if err != nil {
			return nil, err
		}
		if b[0] == 'C' {
			if len(value) > 5 {
				return nil, errMalformed
			}
			return value, nil
		}
		b = rest
	}
	return nil, errMalformed
}

// event names what was asked for.
func (i *pending) event() string {
	if i.simple {
		return "query"
	}
	kind := i.kind
	if i.refused != 0 {
		kind = i.refused
	}
	switch kind {
	case 'Q':
		return "query"
	case 'P':
		return "parse"
	case 'B':
		return "bind"
	case 'E':
		return "execute"
	case 'F':
		return "fastpath"
	case 'S':
		return "sync"
	case 'D':
		return "describe"
	case 'C':
		return "close"
	}
	return "server"
}

// result looks at an answer to head.
func (r *relay) result(head *pending, m message) error {
	p := &r.replies
	asked := head.kind
	running := asked == 'Q' || asked == 'E'
	switch {
	case m.kind == 'D' && running:
		p.rows++
		p.size += int64(m.size)
		return r.row(head, m.body)
	case m.kind == 'd' && asked != 'F' && running:
		p.size += int64(m.size)
	case m.kind == '1' && asked == 'P':
		p.learn(head)
		r.queue.pop()
	case m.kind == '2' && asked == 'B':
		p.bind(head)
		r.queue.pop()
	case m.kind == '3' && asked == 'C':
		p.forget(head)
		r.queue.pop()
	case m.kind == 'T' && asked == 'Q':
	case m.kind == 't' && asked == 'D' && !head.portal:
	case (m.kind == 'T' || m.kind == 'n') && asked == 'D':
		r.queue.pop()
	case m.kind == 'G' && running:
		r.copied.Store(0)
		return r.queue.copyIn()
	case (m.kind == 'H' || m.kind == 'c') && running:
	case (m.kind == 'C' || m.kind == 'I' || m.kind == 's') && running:
		return r.complete(head, m)
	case m.kind == 'V' && asked == 'F':
		p.rows, p.size = 0, int64(m.size)
		err := r.completed(head, head.n)
		p.hold("fastpath", true)
		return err
	default:
		return errOutOfStep
	}
	return nil
}

// complete records that a statement is through.
func (r *relay) complete(head *pending, m message) error {
	p := &r.replies
	if m.kind == 's' && head.kind != 'E' {
		return errOutOfStep
	}
	var tag []byte
	if m.kind == 'C' {
		var err error
		if tag, _, err = cut(m.body); err != nil {
			return err
		}
	}
	if r.queue.copying {
		p.size = r.copied.Load()
		if err := r.queue.copied(); err != nil {
			return err
		}
	}
	if err := r.completed(head, head.n); err != nil {
		return err
	}
	if m.kind == 's' {
		p.text = append(p.text, `,"suspended":true`...)
	} else if len(tag) > 0 {
		p.str("tag", tag)
		p.forgetAll(tag)
	}
	p.hold(head.event(), true)
	if head.kind == 'E' {
		r.queue.pop()
	}
	return nil
}

// forgetAll forgets what names stand for, if a statement with that tag may have
// changed it.
func (p *replies) forgetAll(tag []byte) {
	for _, name := range []string{"PREPARE", "DEALLOCATE", "DISCARD", "DO", "CALL", "CLOSE", "DECLARE"} {
		if bytes.HasPrefix(tag, []byte(name)) {
			clear(p.statements)
			clear(p.portals)
			return
		}
	}
}

// completed begins the Reply to i and starts to count anew.
func (r *relay) completed(i *pending, n uint64) error {
	p := &r.replies
	if err := p.flush(); err != nil {
		return err
	}
	p.begin(n)
	p.n = n
	if i.kind == 'E' && !i.simple {
		if b, ok := p.portals[i.name]; ok {
			if b.statement != 0 {
				p.integer("statement", int64(b.statement))
			}
			p.integer("bind", int64(b.bind))
		}
	}
	now := time.Now()
	if i.simple || i.kind == 'Q' || i.kind == 'E' || i.kind == 'F' {
		from := i.at
		if p.last.After(from) {
			from = p.last
		}
		p.integer("rows", p.rows)
		p.integer("bytes", p.size)
		p.milliseconds(now.Sub(from))
	}
	p.last, p.rows, p.size = now, 0, 0
	return nil
}

// learn notes which statement a name stands for now.
func (p *replies) learn(i *pending) {
	if p.statements == nil || len(p.statements) >= maxNames {
		p.statements = map[string]uint64{}
	}
	p.statements[i.name] = i.n
}

// bind notes what a portal runs.
func (p *replies) bind(i *pending) {
	if p.portals == nil || len(p.portals) >= maxNames {
		p.portals = map[string]bound{}
	}
	p.portals[i.name] = bound{bind: i.n, statement: p.statements[i.of], formats: i.formats}
}

// forget notes that a statement or portal is closed.
func (p *replies) forget(i *pending) {
	if i.portal {
		delete(p.portals, i.name)
	} else {
		delete(p.statements, i.name)
	}
}
