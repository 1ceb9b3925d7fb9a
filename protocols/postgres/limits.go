package postgres

import (
	"context"
	"fmt"
	"time"
)

// excess is how the limit of rows stands for the result that arrives.
type excess struct {
	rows   int64
	over   bool // there are more than may be: the rest is dropped
	cancel bool // the server is to be told
	// skips: the server was through before that, and the client is told of an error:
	// it gets nothing more before ReadyForQuery, as after an error of the server's.
	skips bool
}

// limited is answer, within the limit of rows. What a COPY gives counts too.
func (r *relay) limited(m message) (pass bool, err error) {
	most, x := r.conn.db.Rows, &r.excess
	if head := r.queue.head(); most == 0 || head != nil && head.own {
		pass, err := r.answer(m)
		return pass && !x.skips, err
	}
	switch m.kind {
	case 'D', 'd':
		if x.rows++; x.rows > most {
			x.cancel = x.cancel || !x.over
			x.over = true
			return false, nil
		}
	case 'c':
		if x.over {
			return false, nil
		}
	case 'E':
		if state, _ := sqlstate(m.body); x.over && string(state) == "57014" {
			if head := r.queue.head(); head != nil {
				head.instead = tooManyRows(most)
			}
		}
		x.rows, x.over = 0, false
	case 'C', 's', 'I':
		if x.over && !x.skips {
			return false, r.late(m, tooManyRows(most))
		}
		x.rows, x.over = 0, false
	case 'Z':
		*x = excess{}
	case 'G':
		if x.skips {
			return false, &fatal{state: "54000", text: "a COPY after a result with too many rows"}
		}
	}
	pass, err = r.answer(m)
	switch m.kind {
	case 'Z', 'S', 'N', 'A':
		return pass, err
	}
	return pass && !x.skips, err
}

// late is for a result with too many rows whose end came before it was cancelled.
func (r *relay) late(m message, f *fatal) error {
	r.excess = excess{skips: true}
	if _, err := r.answer(m); err != nil {
		return err
	}
	r.replies.str("refused", []byte(f.text))
	r.replies.ok = false
	b, err := f.response("ERROR").Encode(nil)
	if err != nil {
		return err
	}
	r.down.put(b)
	return nil
}

func tooManyRows(most int64) *fatal {
	return &fatal{
		state: "54000", text: fmt.Sprintf("the result has more than %d rows, which is the limit here", most),
		hint: "ask for less, as with LIMIT",
	}
}

// Of the relay's own timers, which are for who has switched off the server's.
const (
	timerGrace    = 500 * time.Millisecond // the server comes first
	timerPatience = 5 * time.Second        // a statement may take to be cancelled
)

// watch sees to the limits of time until ctx ends.
func (r *relay) watch(ctx context.Context) error {
	most := &r.conn.db.DatabaseLimits
	period := time.Second
	for _, d := range []time.Duration{most.StatementTimeout, most.IdleInTransaction} {
		if d > 0 {
			period = max(10*time.Millisecond, min(period, d/4))
		}
	}
	tick := time.NewTicker(period)
	defer tick.Stop()
	var cancelled time.Time // when the statement had begun that was
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		working, since := r.since()
		took := time.Since(since)
		switch {
		case since.IsZero():
		case working && most.StatementTimeout > 0 && took > most.StatementTimeout+timerGrace:
			if cancelled == since && took > most.StatementTimeout+timerPatience {
				return &fatal{state: "57014", text: "a statement takes longer than " + most.StatementTimeout.String() + ", and is not to be cancelled"}
			}
			if cancelled != since {
				cancelled = since
				r.cancels.obey(ctx, r)
			}
		case !working && most.IdleInTransaction > 0 && took > most.IdleInTransaction+timerGrace:
			return &fatal{state: "25P03", text: "a transaction was idle for longer than " + most.IdleInTransaction.String()}
		}
	}
}

// since tells whether the server works on something of the client's, and since
// when it does or, within a transaction, does not. Otherwise the time is zero.
func (r *relay) since() (working bool, since time.Time) {
	q := r.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	switch head := q.head(); {
	case head != nil && head.own:
	case head != nil && head.at.After(r.replies.last):
		return true, head.at
	case head != nil, q.tx != 'I':
		return head != nil, r.replies.last
	}
	return false, time.Time{}
}
