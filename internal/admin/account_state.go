package admin

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"gateway"
	"gateway/internal/osh"
)

// inactive says whether the account is beyond its limit of inactivity, frozen
// or expired though it may be. Policy itself answers: for an account like it
// that is neither.
func (c *call) inactive(a *gateway.Account) bool {
	like := *a
	like.Freeze, like.Expires, like.Personal = nil, time.Time{}, nil
	why := c.snap.Login(a.Name, c.now)
	if why == gateway.ReasonFrozen || why == gateway.ReasonExpired {
		why = c.snap.WithAccount(&like).Login(a.Name, c.now)
	}
	return why == gateway.ReasonInactive
}

// canConnect says whether the account may log in now.
func (c *call) canConnect(a *gateway.Account, active Activeness) bool {
	return active.Passes && c.snap.Login(a.Name, c.now) == ""
}

// A listing asks about some accounts at a time, so that people can log in
// meanwhile, and gives up after a while: the rest is unknown.
const (
	askedAtOnce = 4
	askingTime  = time.Minute
)

// active asks about each of accounts, and returns the answers in their order.
func (c *call) active(ctx context.Context, accounts []*gateway.Account) []Activeness {
	ctx, cancel := context.WithTimeout(ctx, askingTime)
	defer cancel()
	answers := make([]Activeness, len(accounts))
	var next atomic.Int64
	var work sync.WaitGroup
	for range min(askedAtOnce, len(accounts)) {
		work.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(accounts)); i = next.Add(1) - 1 {
				answers[i] = c.e.Deps.Active(ctx, accounts[i])
			}
		})
	}
	work.Wait()
	return answers
}

func (c *call) ttlExpired(a *gateway.Account) bool {
	return !a.Expires.IsZero() && !c.now.Before(a.Expires)
}

// moment writes t as scripts expect it.
func (c *call) moment(t time.Time) osh.Moment {
	const form = "Mon 2006-01-02 15:04:05 MST"
	return osh.Moment{
		Local:     t.In(c.now.Location()).Format(form),
		UTC:       t.UTC().Format(form),
		Timestamp: t.Unix(),
	}
}

// ago writes a duration as HH:MM:SS, or Nd+HH:MM:SS from a day on.
func ago(d time.Duration) string {
	s := max(int64(d/time.Second), 0)
	clock := fmt.Sprintf("%02d:%02d:%02d", s%86400/3600, s%3600/60, s%60)
	if s >= 86400 {
		return fmt.Sprintf("%dd+%s", s/86400, clock)
	}
	return clock
}
