package admin

import (
	"context"

	"gateway/internal/osh"
)

// notYet answers for a command that the gateway does not offer yet, to those
// who may run it.
func notYet(_ context.Context, c *call) (osh.Result, error) {
	return osh.Result{}, c.fail(osh.CodeNotYet, "%s is not implemented by this gateway yet; nothing was changed", c.cmd.Name)
}
