package admin

import (
	"context"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

func adminMaintenance(ctx context.Context, c *call, r *osh.AdminMaintenance) (osh.Result, error) {
	switch {
	case r.Lock && r.Unlock:
		return osh.Result{}, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--lock and --unlock exclude each other")
	case r.Unlock && r.Message != "":
		return osh.Result{}, c.fail("ERR_INCOMPATIBLE_PARAMETERS", "--message goes with --lock")
	case !r.Lock && !r.Unlock:
		return osh.Result{}, c.fail("ERR_MISSING_PARAMETER", "option --lock or --unlock is missing")
	}
	message := cleanComment(r.Message)
	var m *gateway.Maintenance
	if r.Lock {
		m = &gateway.Maintenance{By: c.actor.Account, Message: message, At: c.now}
	}
	if err := c.update(ctx, func(tx store.Tx) error { return tx.SetMaintenance(m) }); err != nil {
		return osh.Result{}, err
	}
	if m == nil {
		return c.ok(osh.AdminMaintenanceValue{Action: "unlock"}, "Everybody can log in again.")
	}
	return c.ok(osh.AdminMaintenanceValue{Action: "lock", Message: optional(message)},
		"From now on only administrators can log in; open connections go on.")
}
