package admin

import (
	"context"
	"fmt"

	"gateway"
	"gateway/internal/osh"
	"gateway/internal/store"
)

// maxEgressKeys bounds the keys of an account or a group. Each is offered to
// the targets, and few of those let anybody try as many.
const maxEgressKeys = 32

func selfGenerateEgressKey(ctx context.Context, c *call, r *osh.SelfGenerateEgressKey) (osh.Result, error) {
	return c.generateKey(ctx, store.Owner{Account: c.actor.Account}, r.NewKeyOptions)
}

func groupGenerateEgressKey(ctx context.Context, c *call, r *osh.GroupGenerateEgressKey) (osh.Result, error) {
	return c.generateKey(ctx, store.Owner{Group: r.Group}, r.NewKeyOptions)
}

// generateKey gives o one more key.
func (c *call) generateKey(ctx context.Context, o store.Owner, r osh.NewKeyOptions) (osh.Result, error) {
	if r.Encrypted {
		return osh.Result{}, c.fail("ERR_INVALID_PARAMETER", "option --encrypted is not offered: keys are sealed by the gateway")
	}
	algo, size, err := c.checkAlgorithm(r.Algo, r.Size)
	if err != nil {
		return osh.Result{}, err
	}
	if err := c.mayHaveKey(c.state(), o); err != nil { // before the work, which may be long
		return osh.Result{}, err
	}
	key, sealed, err := c.newKey(algo, size, o)
	if err != nil {
		return osh.Result{}, err
	}
	err = c.update(ctx, func(tx store.Tx) error {
		if err := c.mayHaveKey(tx, o); err != nil {
			return err
		}
		_, err := tx.AddEgressKey(o, key, sealed)
		return err
	})
	if err != nil {
		return osh.Result{}, err
	}
	whose := "you"
	if o.Group != "" {
		whose = "the group " + o.Group
	}
	return c.ok(osh.GeneratedKey{Key: c.egressKey(key)}, "One more egress key for %s:", whose)
}

// mayHaveKey checks that o exists and has room for a key.
func (c *call) mayHaveKey(s state, o store.Owner) error {
	keys, err := c.keysOf(s, o)
	if err != nil {
		return err
	}
	if len(keys) >= maxEgressKeys {
		return c.fail("ERR_TOO_MANY_KEYS", "there are %d egress keys already, and no more are allowed", len(keys))
	}
	return nil
}

// keysOf gives the egress keys of an account or a group.
func (c *call) keysOf(s state, o store.Owner) ([]gateway.EgressKey, error) {
	if o.Group != "" {
		g, err := c.group(s, o.Group)
		if err != nil {
			return nil, err
		}
		return g.Keys, nil
	}
	a, err := c.account(s, o.Account)
	if err != nil {
		return nil, err
	}
	return a.EgressKeys, nil
}

func groupDelEgressKey(ctx context.Context, c *call, r *osh.GroupDelEgressKey) (osh.Result, error) {
	var deleted osh.Key
	var left, bound int
	err := c.update(ctx, func(tx store.Tx) error {
		g, err := c.group(tx, r.Group)
		if err != nil {
			return err
		}
		for _, k := range g.Keys {
			shown := c.egressKey(k)
			if shown.ID != r.ID && shown.Fingerprint != r.ID {
				continue
			}
			deleted, left = ofGroup(g.Name, shown), len(g.Keys)-1
			for _, a := range g.Accesses {
				if a.ForceKey == k.Fingerprint && !a.Expired(c.now) {
					bound++
				}
			}
			return tx.DelEgressKey(k.ID)
		}
		return c.fail("ERR_INVALID_PARAMETER", "the group %s has no egress key %s: groupInfo lists them", g.Name, gateway.Printable(clip(r.ID)))
	})
	if err != nil {
		return osh.Result{}, err
	}
	c.e.Vault.Forget(KeyContext(store.Owner{Group: r.Group}))
	text := fmt.Sprintf("The egress key %s of the group %s is deleted.", deleted.ID, r.Group)
	if left == 0 {
		text += " The group has no key left: make one with groupGenerateEgressKey."
	}
	if bound > 0 {
		text += fmt.Sprintf(" Accesses that insist on that key, and grant nothing now: %d.", bound)
	}
	return c.ok(deleted, "%s", text)
}
