package admin

import (
	"context"
	"fmt"

	"gateway/internal/osh"
)

func lock(_ context.Context, c *call, _ *osh.Lock) (osh.Result, error) {
	n, _ := c.e.Deps.LockSessions(c.actor, true)
	if n == 0 {
		return osh.Result{}, c.noChange("You have no session on this node that could be locked.")
	}
	return c.ok(osh.Locked{Sessions: n}, "Locked sessions: %d.", n)
}

func unlock(_ context.Context, c *call, _ *osh.Unlock) (osh.Result, error) {
	n, own := c.e.Deps.LockSessions(c.actor, false)
	switch {
	case own > 0 && n == 0:
		return osh.Result{}, c.fail("KO_SAME_CONNECTION",
			"your sessions are those of this connection, which does not unlock them: log in anew, as with ssh -S none")
	case n == 0:
		return osh.Result{}, c.noChange("You have no session on this node that could be locked.")
	}
	text := fmt.Sprintf("Unlocked sessions: %d.", n)
	if own > 0 {
		text += fmt.Sprintf(" Not those of this connection: %d.", own)
	}
	return c.ok(osh.Locked{Sessions: n}, "%s", text)
}
