package admin

import (
	"context"
	"strconv"
	"time"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func accountUnexpire(ctx context.Context, c *call, r *osh.AccountUnexpire) (osh.Result, error) {
	if err := c.mayGovern(r.Account); err != nil {
		return osh.Result{}, err
	}
	var v osh.AccountUnexpireValue
	err := c.update(ctx, func(tx store.Tx) error {
		a, err := c.account(tx, r.Account)
		if err != nil {
			return err
		}
		v = c.inactivity(a)
		switch {
		case a.AlwaysActive || c.inactiveLimit(a) <= 0:
			return c.done("OK_EXPIRATION_NOT_CONFIGURED", v, "The account %s does not expire by inactivity.", r.Account)
		case !c.inactive(a):
			return c.done("OK_NOT_EXPIRED", v, "The account %s is not expired by inactivity.", r.Account)
		}
		a.LastLogin = c.now
		return tx.UpdateAccount(a)
	})
	if err != nil {
		return osh.Result{}, err
	}
	return c.ok(v, "The account %s was inactive for %s days; that is forgotten.", r.Account, v.Days)
}

// inactiveLimit gives the days of inactivity that the account may have; 0: any.
func (c *call) inactiveLimit(a *gateway.Account) int {
	if a.MaxInactiveDays != nil {
		return *a.MaxInactiveDays
	}
	return c.set.MaxInactiveDays
}

// inactivity says how long ago the account was used, or created if it never
// was.
func (c *call) inactivity(a *gateway.Account) osh.AccountUnexpireValue {
	v := osh.AccountUnexpireValue{Account: a.Name, Days: "0"}
	seen := a.LastLogin
	if !seen.IsZero() {
		v.Seen, v.Info = "1", "last login "+c.moment(seen).UTC
	} else if seen = a.Created; !seen.IsZero() {
		v.Info = "never logged in, created " + c.moment(seen).UTC
	}
	if !seen.IsZero() {
		since := max(c.now.Sub(seen), 0)
		v.Seconds, v.Days = int64(since/time.Second), strconv.Itoa(int(since.Hours()/24))
	}
	return v
}
